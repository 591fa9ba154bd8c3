import { CodedError } from '../lib/coded-error.ts'

/**
 * Told to the client as toncenter does; {@link statusOf} gives the HTTP status.
 *
 * - `bad-request` (422): the method's parameters are not what it takes. **Fix the request.**
 * - `bad-verb` (405): the method is not to be called with this HTTP method. **Fix the request.**
 * - `unknown-method` (404): no such method. **Fix the request.**
 * - `not-found` (404): no such message or snapshot.
 * - `not-there` (500): a block or transaction that this endpoint does not have (yet). toncenter answers 500 here. **Retry later.**
 * - `rejected` (500): the message was not accepted by its receiver. **Fix the message**; nothing changed.
 * - `rate-limit` (429): a fault on order. **Retry later.**
 * - `too-large` (413): a body of more than a mebibyte. **Fix the request.**
 * - `too-deep` (533): a get-method's answer is nested more deeply than JSON clients bear.
 */
export class DevChainError extends CodedError<
  'bad-request' | 'bad-verb' | 'unknown-method' | 'not-found' | 'not-there' | 'rejected' | 'rate-limit' | 'too-large' | 'too-deep'
> {}

const statuses = {
  'bad-request': 422,
  'bad-verb': 405,
  'unknown-method': 404,
  'not-found': 404,
  'not-there': 500,
  rejected: 500,
  'rate-limit': 429,
  'too-large': 413,
  'too-deep': 533,
} as const satisfies Record<DevChainError['code'], number>

/** The HTTP status and JSON `code` of an error; 500 for one that is not ours. */
export function statusOf(error: unknown): number {
  return error instanceof DevChainError ? statuses[error.code] : 500
}
