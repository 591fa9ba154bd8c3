import type { Handler } from 'hono'
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
    const { worker, model, skip = '0', nonce = '' } = c.req.query()
    if (worker === undefined && model === undefined)
      throw new ApiError(
        'not_found',
        'This proxy does not run inside a TD, so it has no evidence of its own. Ask for a worker: ?worker=ID&nonce=HEX.',
      )
    if (!/^[0-9a-f]{64}$/.test(nonce))
      throw new ApiError('invalid_request', 'nonce must be 32 bytes of your own randomness in 64 lowercase hex digits.', { param: 'nonce' })
    if (!/^[0-9]{1,4}$/.test(skip)) throw new ApiError('invalid_request', 'skip must be a small whole number.', { param: 'skip' })
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
