/** The answer of `POST /v1/embeddings`. */
import { z } from 'zod'
import { base64, count, named } from './parts.ts'
import { promptUsage } from './usage.ts'

export const embeddingList = named(
  'EmbeddingList',
  'A vector for each input.',
  z.looseObject({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.looseObject({
        object: z.literal('embedding'),
        index: count,
        embedding: z
          .union([z.array(z.number()), base64])
          .describe('Numbers, or with `encoding_format: base64` 32-bit floats in little-endian order.'),
      }),
    ),
    usage: promptUsage,
  }),
)
