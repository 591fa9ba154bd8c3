import type { Handler } from 'hono'
import { evidenceQuery } from '../openai/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** Where evidence comes from. */
export interface EvidenceSource {
  /** The document of worker `id` over `nonce`, word for word; undefined where there is no such worker. Throws where it does not answer. */
  fromWorker(id: string, nonce: Buffer): Promise<string> | undefined
  /** The id of the n-th worker that would get a request for `model` now. */
  nthFor(model: string, n: number): string | undefined
}

/** `GET /v1/attestation?nonce=…` with `worker=ID`, or with `model=M&skip=n`. Without either it would be the proxy's own evidence, which it has only inside a TD. */
export function attestation(source: EvidenceSource): Handler<ApiEnv> {
  return async c => {
    const query = c.req.query()
    const { worker, model } = query
    if (worker === undefined && model === undefined)
      throw new ApiError(
        'not_found',
        'This proxy does not run inside a TD, so it has no evidence of its own. Ask for a worker: ?worker=ID&nonce=HEX.',
      )
    const parsed = evidenceQuery.safeParse(query)
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!
      const param = String(path[0])
      throw new ApiError('invalid_request', `${param} ${message}.`, { param })
    }
    const { nonce, skip = '0' } = parsed.data
    const id = worker ?? source.nthFor(model!, Number(skip))
    const document = id === undefined ? undefined : source.fromWorker(id, Buffer.from(nonce, 'hex'))
    if (!document) throw new ApiError('not_found', 'There is no such worker.', { param: worker === undefined ? 'model' : 'worker' })
    try {
      return c.body(await document, 200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    } catch (cause) {
      throw new ApiError('worker_failed', 'The worker did not give evidence.', { cause })
    }
  }
}
