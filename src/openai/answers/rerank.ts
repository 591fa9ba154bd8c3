/** The answer of `POST /v1/rerank`, in the form that Jina, Cohere and the engines share: OpenAI has no such endpoint. */
import { z } from 'zod'
import { count, named } from './parts.ts'
import { promptUsage } from './usage.ts'

export const ranking = named(
  'Ranking',
  'Documents by how well they fit the query, the best first.',
  z.looseObject({
    id: z.string().optional(),
    model: z.string().optional(),
    results: z.array(
      z.looseObject({
        index: count.describe('Where the document stands in the request.'),
        relevance_score: z.number(),
        document: z.union([z.string(), z.looseObject({ text: z.string().optional() })]).nullish(),
      }),
    ),
    usage: promptUsage,
  }),
)
