/**
 * The only place where something that went wrong becomes an HTTP status and OpenAI's error body. Every body has all four
 * members (`message`, `type`, `param`, `code`), because the SDKs branch on them.
 */
import { LedgerError } from '../ledger/index.ts'
import { CodedError } from '../lib/coded-error.ts'
import { RequestError } from '../openai/index.ts'
import { SettlementError } from '../settlement/index.ts'

/**
 * What a caller is told.
 *
 * - 400 `invalid_request_error`: **fix the request**; `param` names the member.
 * - 401 `invalid_api_key`: **fix the key**.
 * - 402 `insufficient_quota`: **top up**; never retried by itself.
 * - 404 `model_not_found`, `unknown_url`, `not_found`; 405 `method_not_allowed`; 413 `request_too_large`; 415 `unsupported_media_type`: **fix the request**.
 * - 409 `idempotency_key_expired`: this key was charged and its answer is not kept any more. **Take a new key** and pay again, or leave it.
 * - 422 `idempotency_key_reused`: **fix the request**: a key names one request.
 * - 408 `request_timeout`: **send it faster**. 431 `headers_too_large`: **fix the request**.
 * - 429 `rate_limit_exceeded`: **retry** after `retry-after-ms`.
 * - 502 `worker_failed`, `engine_failed`; 503 `no_attested_worker`, `ledger_unavailable`, `shutting_down`, `overloaded`: **retry**.
 * - 500 `internal_error`: **report** with the request id.
 */
export type ApiErrorCode =
  | 'invalid_request'
  | 'invalid_api_key'
  | 'insufficient_quota'
  | 'model_not_found'
  | 'unknown_url'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_too_large'
  | 'unsupported_media_type'
  | 'idempotency_key_expired'
  | 'idempotency_key_reused'
  | 'request_timeout'
  | 'headers_too_large'
  | 'rate_limit_exceeded'
  | 'no_attested_worker'
  | 'worker_failed'
  | 'engine_failed'
  | 'ledger_unavailable'
  | 'chain_unavailable'
  | 'shutting_down'
  | 'overloaded'
  | 'internal_error'

/** OpenAI's error object. */
export interface ErrorObject {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
}

const kinds: Record<ApiErrorCode, { status: number; type: string }> = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  invalid_api_key: { status: 401, type: 'invalid_request_error' },
  insufficient_quota: { status: 402, type: 'insufficient_quota' },
  model_not_found: { status: 404, type: 'invalid_request_error' },
  unknown_url: { status: 404, type: 'invalid_request_error' },
  not_found: { status: 404, type: 'invalid_request_error' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  request_too_large: { status: 413, type: 'invalid_request_error' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error' },
  idempotency_key_expired: { status: 409, type: 'invalid_request_error' },
  // 422 as in the IETF draft "The Idempotency-Key HTTP Header Field"; OpenAI's clients do not retry it, as they would a 409.
  idempotency_key_reused: { status: 422, type: 'invalid_request_error' },
  request_timeout: { status: 408, type: 'invalid_request_error' },
  headers_too_large: { status: 431, type: 'invalid_request_error' },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error' },
  no_attested_worker: { status: 503, type: 'server_error' },
  worker_failed: { status: 502, type: 'server_error' },
  engine_failed: { status: 502, type: 'server_error' },
  ledger_unavailable: { status: 503, type: 'server_error' },
  chain_unavailable: { status: 503, type: 'server_error' },
  shutting_down: { status: 503, type: 'server_error' },
  overloaded: { status: 503, type: 'server_error' },
  internal_error: { status: 500, type: 'server_error' },
}

/** What asking again cannot change, though the status alone would have a client try. */
const final: ReadonlySet<ApiErrorCode> = new Set(['insufficient_quota', 'idempotency_key_expired'])

export class ApiError extends CodedError<ApiErrorCode> {
  readonly status: number
  readonly body: { readonly error: ErrorObject }
  readonly headers: Readonly<Record<string, string>>

  /** `param` names the member at fault; `headers` are added to the answer. The message never repeats what the caller sent beyond names. */
  constructor(code: ApiErrorCode, message: string, options: ErrorOptions & { param?: string; headers?: Record<string, string> } = {}) {
    super(code, message, options)
    const { status, type } = kinds[code]
    this.status = status
    this.body = { error: { message, type, param: options.param ?? null, code: code === 'invalid_request' ? null : code } }
    this.headers = { ...(final.has(code) ? { 'x-should-retry': 'false' } : {}), ...inSeconds(options.headers), ...options.headers }
  }
}

/** `retry-after` beside a `retry-after-ms`: the SDKs read the one, everybody else the other. */
function inSeconds(headers: Record<string, string> = {}): Record<string, string> {
  const ms = headers['retry-after-ms']
  return ms === undefined ? {} : { 'retry-after': String(Math.ceil(Number(ms) / 1_000)) }
}

/** An error that a worker reported inside the envelope: its status and object are passed on, made whole. */
export class WorkerReportedError extends Error {
  readonly status: number
  readonly body: { readonly error: ErrorObject }

  constructor(status: number, error: ErrorObject) {
    super('the worker reported an error')
    this.name = 'WorkerReportedError'
    this.status = status >= 400 && status <= 599 ? status : 502
    this.body = { error: { message: error.message, type: error.type, param: error.param ?? null, code: error.code ?? null } }
  }
}

/** What the caller is told about any thrown value. Unknown ones become 500 without a word of their message. */
export function toApiError(error: unknown): ApiError | WorkerReportedError {
  if (error instanceof ApiError || error instanceof WorkerReportedError) return error
  if (error instanceof RequestError) return requestError(error)
  if (error instanceof LedgerError) return ledgerError(error)
  if (error instanceof SettlementError) return settlementError(error)
  return new ApiError('internal_error', 'The proxy failed to handle this request. Report it with the request id.', { cause: error })
}

function requestError({ code, message, param }: RequestError): ApiError {
  if (code === 'unsupported-media-type') return new ApiError('unsupported_media_type', message)
  return new ApiError('invalid_request', message, param === null ? {} : { param })
}

function ledgerError(error: LedgerError): ApiError {
  switch (error.code) {
    case 'insufficient-funds':
      return new ApiError(
        'insufficient_quota',
        'The payment channel does not cover the worst case of this request. Top up the channel, raise its ceiling, or lower max_tokens.',
        { cause: error },
      )
    case 'channel-not-open':
      return new ApiError('insufficient_quota', 'The payment channel of this key is not open. Open a new channel.', { cause: error })
    case 'already-used':
      return new ApiError(
        'idempotency_key_expired',
        'A request with this Idempotency-Key was charged, and its answer is not kept any more. Use a new key to ask, and pay, again.',
        { cause: error },
      )
    default:
      return new ApiError('ledger_unavailable', 'The ledger cannot take this request now.', {
        cause: error,
        headers: { 'retry-after-ms': '1000' },
      })
  }
}

function settlementError(error: SettlementError): ApiError {
  const options = { cause: error, ...(error.param ? { param: error.param } : {}) }
  switch (error.code) {
    case 'bad-request':
      return new ApiError('invalid_request', error.message, options)
    case 'not-funded':
      return new ApiError('insufficient_quota', error.message, options)
    case 'chain-unavailable':
      return new ApiError('chain_unavailable', error.message, { ...options, headers: { 'retry-after-ms': '2000' } })
  }
}
