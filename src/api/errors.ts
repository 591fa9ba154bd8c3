/**
 * The only place where something that went wrong becomes an HTTP status and OpenAI's error body. Every body has all four
 * members (`message`, `type`, `param`, `code`), because the SDKs branch on them.
 */
import { LedgerError } from '../ledger/index.ts'
import { CodedError } from '../lib/coded-error.ts'
import { type ErrorCode, errorKinds, RequestError } from '../openai/index.ts'
import { SettlementError } from '../settlement/index.ts'

/** What a caller is told; src/openai/error-codes.ts says what each means and what to do. */
export type ApiErrorCode = ErrorCode

/** OpenAI's error object. */
export interface ErrorObject {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
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
    const { status, type } = errorKinds[code]
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
    case 'key-spent':
      return new ApiError(
        'insufficient_quota',
        'The limit `spend` of this API key does not cover the worst case of this request. Lower max_tokens, or ask its owner for another key.',
        { cause: error },
      )
    case 'key-spent-today':
      return new ApiError(
        'insufficient_quota',
        'The limit `per_day` of this API key does not cover the worst case of this request. Lower max_tokens, or come again after midnight UTC.',
        { cause: error },
      )
    case 'channel-not-open':
      return new ApiError('insufficient_quota', 'The payment channel of this key is not open. Open a new channel.', { cause: error })
    case 'chain-unread':
      return new ApiError(
        'chain_unavailable',
        'The TON chain was not read for this channel for too long, so nothing new is charged to it. It is served again once the chain answers.',
        { cause: error, headers: { 'retry-after-ms': '5000' } },
      )
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
    case 'not-found':
      return new ApiError('not_found', error.message, options)
    case 'busy':
      return new ApiError('overloaded', error.message, { ...options, headers: { 'retry-after-ms': '60000' } })
    case 'chain-unavailable':
      return new ApiError('chain_unavailable', error.message, { ...options, headers: { 'retry-after-ms': '2000' } })
  }
}
