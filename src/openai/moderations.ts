import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { inputsOf } from './inputs.ts'
import { contentPart, hasMediaParts, modelId } from './members.ts'

const request = z.looseObject({
  model: modelId,
  input: z
    .union([z.string().min(1), z.array(z.string()).min(1).max(2_048), z.array(contentPart).min(1).max(2_048)])
    .describe('A text, texts, or content parts that are judged together.'),
})

export const moderations = defineEndpoint({
  path: '/v1/moderations',
  summary: 'Judges whether texts are harmful.',
  request,
  own: ({ input }) => {
    if (typeof input === 'string' || input.every(item => typeof item === 'string')) {
      const { count, bytes } = inputsOf(input as string | string[])
      return { inputs: count, detail: { bytes } }
    }
    const bytes = input.reduce((sum, part) => sum + Buffer.byteLength(typeof part === 'string' ? part : (part.text ?? '')), 0)
    return { hasMedia: hasMediaParts(input), detail: { bytes } }
  },
})
