import type { Handler, MiddlewareHandler } from 'hono'
import { evidenceQuery } from '../openai/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** Where evidence comes from. */
export interface EvidenceSource {
  /** The document of worker `id` over `nonce`, word for word; undefined where there is no such worker. Throws where it does not answer. */
  fromWorker(id: string, nonce: Buffer): Promise<string> | undefined
  /** The proxy's own document over `nonce`; undefined for too many at once. Absent where the proxy runs in no TD. */
  own?: ((nonce: Buffer) => Promise<string | undefined>) | undefined
  /** The id of the n-th worker that would get a request for `model` now. */
  nthFor(model: string, n: number): string | undefined
}

/**
 * `GET /v1/attestation?nonce=…` without a worker or model: the proxy's own evidence, which it has only inside a TD. For everybody, since who opens a
 * channel asks for it before there is a key.
 */
export function ownAttestation({ own }: EvidenceSource): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const query = c.req.query()
    if (query.worker !== undefined || query.model !== undefined) return next()
    if (!own)
      throw new ApiError(
        'not_found',
        'This proxy does not run inside a TD, so it has no evidence of its own. Ask for a worker: ?worker=ID&nonce=HEX.',
      )
    const { nonce } = parseQuery(query)
    const document = await own(Buffer.from(nonce, 'hex'))
    if (document === undefined)
      throw new ApiError('overloaded', 'Too many ask this proxy for evidence now.', { headers: { 'retry-after-ms': '1000' } })
    return c.body(document, 200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  }
}

/** The same with `worker=ID`, or with `model=M&skip=n`: that worker's evidence. */
export function attestation(source: EvidenceSource): Handler<ApiEnv> {
  return async c => {
    const query = c.req.query()
    const { worker, model } = query
    const { nonce, skip = '0' } = parseQuery(query)
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

function parseQuery(query: Record<string, string>): ReturnType<typeof evidenceQuery.parse> {
  const parsed = evidenceQuery.safeParse(query)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  const param = String(path[0])
  throw new ApiError('invalid_request', `${param} ${message}.`, { param })
}
