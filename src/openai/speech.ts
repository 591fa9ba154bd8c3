import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { modelId } from './members.ts'

const request = z.looseObject({
  model: modelId,
  input: z.string().min(1).describe('The text to speak; charged by its characters (Unicode code points).'),
  voice: z.union([z.string(), z.looseObject({ id: z.string() })]).nullish(),
  instructions: z.string().nullish(),
  response_format: z.string().nullish().describe('`mp3`, `opus`, `aac`, `flac`, `wav` or `pcm`.'),
  speed: z.number().positive().nullish(),
  stream_format: z.literal('audio', { error: "can only be 'audio' here" }).nullish(),
})

/** Sound always comes as a stream of bytes; a body has no say in it. */
export const speech = defineEndpoint({
  path: '/v1/audio/speech',
  summary: 'Speaks a text.',
  charges: 'characters',
  streamsAs: 'bytes',
  request,
  own: body => ({ stream: true, inputs: 0, units: { characters: codePoints(body.input) } }),
})

function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
