import { CodedError } from '../lib/coded-error.ts'

/**
 * Why an envelope was refused.
 *
 * Of a request, told to its sender as an outer answer ({@link problemOf}):
 * - `unknown-key`: no wrap is for a key that is held. **Retry** once, same `rid`, after fetching and verifying evidence again.
 * - `replayed`: the `rid` was taken before. **Stop: security event**, unless the sender itself sent the same bytes twice.
 * - `clock`: `ts` is outside the window, or not above what the replay memory has let go. **Fix the request**: set the clock, seal again.
 * - `full`: the replay memory has no room and forgets nothing. **Retry** later, or on another worker.
 * - `too-large`: a frame or a body passes the limits. **Fix the request**.
 * - `bad-auth`: the payer's signature is not good. **Fix the request**: sign with the key that `payer` names.
 *
 * Of either direction:
 * - `malformed`: the bytes break the format. **Fix the request**; in an answer, **stop: security event**.
 * - `does-not-open`: a seal is broken: altered on the way, or made under other keys. **Stop: security event**; a request may be sealed again.
 * - `truncated`: the bytes end before the envelope does. **Retry** a request under the same `rid`; an answer is an error, never a success.
 *
 * Of an answer only:
 * - `receipt-missing`: FINAL or ERROR has opened and RECEIPT never came: the text is whole. **Retry** fetching the receipt by `rid`; never ask again under a new `rid`.
 * - `bad-receipt`: a receipt or checkpoint is not what was sent, seen and attested; `member` names the difference. **Stop: security event**; nothing is charged on it.
 *
 * Of the caller of this room:
 * - `rid-reused`: a session was asked to serve one `rid` twice, which would repeat a nonce. **Retry** with a new session.
 * - `misuse`: frames out of order, counts that fall, a cost above `cap`, a key of the wrong kind. **Fix** the calling code.
 */
export type EnvelopeErrorCode =
  | 'unknown-key'
  | 'replayed'
  | 'clock'
  | 'full'
  | 'too-large'
  | 'bad-auth'
  | 'malformed'
  | 'does-not-open'
  | 'truncated'
  | 'receipt-missing'
  | 'bad-receipt'
  | 'rid-reused'
  | 'misuse'

/** A refusal. Messages are fixed texts: nothing that was sealed, and no key, stands in them or in their `cause`. */
export class EnvelopeError extends CodedError<EnvelopeErrorCode> {
  /** For `bad-receipt`: the member that differs, or `signature`. For `malformed`: the member that is not well formed, where there is one. */
  readonly member: string | undefined

  constructor(code: EnvelopeErrorCode, message: string, options: ErrorOptions & { member?: string } = {}) {
    super(code, message, options)
    this.member = options.member
  }
}

/** An outer answer, for `application/problem+json`. It is unauthenticated: a hint, never a reason to weaken anything. */
export interface Problem {
  readonly type: `urn:chrysalis:${string}`
  readonly title: string
  readonly status: number
}

const problems: Partial<Record<EnvelopeErrorCode, readonly [name: string, status: number, title: string]>> = {
  'unknown-key': ['unknown-key', 409, 'The request is sealed to no key held here'],
  replayed: ['replayed', 409, 'The request was sent before'],
  clock: ['clock', 400, 'The request is outside the time window'],
  malformed: ['malformed', 400, 'The request is not a well formed envelope'],
  'does-not-open': ['does-not-open', 400, 'The request does not open'],
  truncated: ['truncated', 400, 'The request ends too early'],
  'too-large': ['too-large', 413, 'The request is too large'],
  'bad-auth': ['bad-auth', 401, "The payer's signature is not good"],
  full: ['busy', 503, 'No request can be taken now'],
}

/** The outer answer that tells a sender why its request was refused (spec, "Outer answers"). Codes that are not about a request become a plain 500. */
export function problemOf(error: EnvelopeError): Problem {
  const [name, status, title] = problems[error.code] ?? ['internal', 500, 'The request failed']
  return { type: `urn:chrysalis:${name}`, title, status }
}
