import { CodedError } from '../lib/coded-error.ts'

/**
 * Told to the client as toncenter does.
 *
 * - `bad-request` (422): the method's parameters are not what it takes. **Fix the request.**
 * - `unknown-method` (404): no such method. **Fix the request.**
 * - `not-found` (404): no such transaction, message or block.
 * - `rejected` (500): the message was not accepted by its receiver. **Fix the message**; nothing changed.
 */
export class DevChainError extends CodedError<'bad-request' | 'unknown-method' | 'not-found' | 'rejected'> {}
