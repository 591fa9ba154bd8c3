/** What a caller is told where no worker can take a request: the model is unknown, it is not served at this path, or nobody may serve it now. */
import type { PriceTable } from '../metering/index.ts'
import type { Endpoint, Facts } from '../openai/index.ts'
import type { NoWorker, Registry } from '../scheduler/index.ts'
import { ApiError } from './errors.ts'

/** So many models are named; the rest is in the list. */
const mostNames = 8
const shownLength = 64

interface Sources {
  readonly registry: Registry
  readonly prices: PriceTable
}

interface Asked {
  readonly endpoint: Endpoint
  readonly facts: Pick<Facts, 'model'>
}

/** 503 `no_attested_worker`. */
export function noAttestedWorker(): ApiError {
  return new ApiError('no_attested_worker', 'No worker with valid evidence can take this request now.', {
    headers: { 'retry-after-ms': '1000' },
  })
}

/** 404 `model_not_found`, which says who is served there, or 503 `no_attested_worker`. */
export function noWorkerError(sources: Sources, { endpoint, facts }: Asked, reason: NoWorker['reason']): ApiError {
  if (reason === 'none') return noAttestedWorker()
  const what = reason === 'unknown-model' ? 'does not exist here' : `is not served at ${endpoint.path}`
  const message = `The model '${facts.model.slice(0, shownLength)}' ${what}. ${whoIsServed(sources, endpoint)}`
  return new ApiError('model_not_found', message, { param: 'model' })
}

function whoIsServed({ registry, prices }: Sources, { path, charges }: Endpoint): string {
  const models = [...registry.models()].filter(([id, { endpoints }]) => endpoints.has(path) && prices.sells(id, charges))
  const names = models.map(([id]) => `'${id}'`).sort()
  if (names.length === 0) return `No model is served at ${path}. GET /v1/models lists what is served.`
  const more = names.length > mostNames ? ', …' : ''
  return `At ${path} there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, mostNames).join(', ')}${more}. GET /v1/models lists all.`
}
