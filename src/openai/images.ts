import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { modelId, user } from './members.ts'

const request = z.looseObject({
  model: modelId,
  prompt: z.string().min(1),
  n: z.int().min(1).max(16).nullish(),
  size: z.string().nullish(),
  quality: z.string().nullish(),
  response_format: z.enum(['url', 'b64_json']).nullish(),
  stream: z.literal(false, { error: 'images come whole, not as a stream' }).nullish(),
  user,
})

export const images = defineEndpoint({
  path: '/v1/images/generations',
  summary: 'Makes images from a text.',
  charges: 'images',
  request,
  own: body => ({ inputs: 0, units: { images: body.n ?? 1 } }),
})
