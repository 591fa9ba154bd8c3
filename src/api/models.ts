import type { Handler } from 'hono'
import type { Price } from '../envelope/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** A model that some worker with a live lease serves. */
export interface ServedModel {
  readonly id: string
  readonly contextLength: number
  readonly weights: string | null
  /** Paths at which it is served and sold. */
  readonly endpoints: readonly string[]
  /** nanoTON per million of each unit, what a caller pays. */
  readonly price: Price
}

/** Models as they are served now, in a stable order. */
export type ModelSource = () => readonly ServedModel[]

/** `GET /v1/models`: OpenAI's list, with context length, weights, endpoints and price as extra members. */
export function models(source: ModelSource): Handler<ApiEnv> {
  return c => c.json({ object: 'list', data: source().map(present) })
}

/** `GET /v1/models/{id}`; the id may hold slashes. Throws `model_not_found`. */
export function model(source: ModelSource): Handler<ApiEnv> {
  return c => {
    const id = c.req.param('id')
    const found = source().find(served => served.id === id)
    if (!found)
      throw new ApiError('model_not_found', 'This model does not exist here. GET /v1/models lists what is served.', { param: 'model' })
    return c.json(present(found))
  }
}

function present(served: ServedModel) {
  const { id, contextLength, weights, endpoints, price } = served
  const own = { context_length: contextLength, weights_digest: weights, endpoints, price }
  return { id, object: 'model', created: 0, owned_by: 'chrysalis', ...own }
}
