import { z } from 'zod'
import { audioSeconds } from './audio-seconds.ts'
import { defineEndpoint } from './endpoint.ts'
import { RequestError } from './errors.ts'
import { modelId } from './members.ts'

const request = z.looseObject({
  model: modelId,
  file: z.file({ error: 'must be one recording' }).describe('The recording; charged by its length in seconds, rounded up.'),
  language: z.string().optional(),
  prompt: z.string().optional(),
  response_format: z.enum(['json', 'verbose_json', 'diarized_json', 'text', 'srt', 'vtt']).optional(),
  temperature: z.string().optional(),
  stream: z.enum(['true', 'false']).optional(),
})

export const transcriptions = defineEndpoint({
  path: '/v1/audio/transcriptions',
  summary: 'Writes down what is said in a recording.',
  takes: 'multipart/form-data',
  charges: 'seconds',
  request,
  lastEvent: ['event: transcript.text.done', 'data: [DONE]'],
  own: async body => {
    if (body.file.size === 0) throw new RequestError('invalid', "'file' is empty.", 'file')
    const { least, most } = audioSeconds(new Uint8Array(await body.file.arrayBuffer()))
    return {
      stream: body.stream === 'true',
      inputs: 0,
      units: { seconds: most },
      asksUsage: true,
      detail: { format: body.response_format ?? 'json', leastSeconds: least },
    }
  },
})
