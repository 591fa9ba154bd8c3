import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { inputsOf, textsOrTokens } from './inputs.ts'
import { modelId, user } from './members.ts'

const request = z.looseObject({
  model: modelId,
  input: textsOrTokens.describe('A text, texts, or token numbers.'),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).max(1_000_000).nullish(),
  user,
})

export const embeddings = defineEndpoint({
  path: '/v1/embeddings',
  summary: 'Turns texts into vectors.',
  request,
  own: body => {
    const { count, bytes } = inputsOf(body.input)
    return { inputs: count, detail: { bytes } }
  },
})
