/** The answer of `POST /v1/images/generations`. Images come whole: there is no stream. */
import { z } from 'zod'
import { base64, named, unixSeconds } from './parts.ts'
import { imagesUsage } from './usage.ts'

export const imageList = named(
  'ImageList',
  'Images that were made.',
  z.looseObject({
    created: unixSeconds,
    data: z.array(z.looseObject({ b64_json: base64.optional(), url: z.string().optional(), revised_prompt: z.string().optional() })).min(1),
    background: z.enum(['transparent', 'opaque']).optional(),
    output_format: z.enum(['png', 'webp', 'jpeg']).optional(),
    size: z.enum(['1024x1024', '1024x1536', '1536x1024']).optional(),
    quality: z.enum(['low', 'medium', 'high']).optional(),
    usage: imagesUsage,
  }),
)
