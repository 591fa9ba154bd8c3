/** Answers of `GET /v1/models` and `GET /v1/models/{id}`. */
import { z } from 'zod'
import { count, digest, named, nanoton, unixSeconds } from './parts.ts'

const perImage = 'nanoTON per million of them.'

/** What a caller pays, nanoTON for each million of a unit. */
export const price = named(
  'Price',
  'nanoTON per million of each unit. A unit that does not stand here is not sold.',
  z.looseObject({
    prompt: nanoton,
    cached: nanoton.describe('Tokens of a prompt that the engine had in a cache.'),
    completion: nanoton,
    reasoning: nanoton,
    images: nanoton.optional().describe(`Images; ${perImage}`),
    characters: nanoton.optional().describe(`Characters to speak; ${perImage}`),
    seconds: nanoton.optional().describe(`Seconds of a recording; ${perImage}`),
  }),
)

export const model = named(
  'Model',
  'A model that workers with valid evidence serve now.',
  z.looseObject({
    id: z.string(),
    object: z.literal('model'),
    created: unixSeconds,
    owned_by: z.string(),
    context_length: count.describe('Tokens of prompt and answer together.'),
    weights_digest: digest.nullable().describe('SHA-256 of the weights, as the worker’s evidence has it; null where it has none.'),
    endpoints: z.array(z.string()).describe('Paths that it is served and sold at.'),
    price,
  }),
)

export const modelList = named('ModelList', 'Models, sorted by id.', z.looseObject({ object: z.literal('list'), data: z.array(model) }))
