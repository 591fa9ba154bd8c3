/** What can go wrong in the policy-registry room. */
import { CodedError } from '../lib/coded-error.ts'

/**
 * - `bad-item`: a value that no item holds. Fix the request.
 * - `not-a-registry`: the account runs other code, or holds other data, than a registry's. Check the address; if it is right: stop,
 *   security event.
 */
export type RegistryErrorCode = 'bad-item' | 'not-a-registry'

/** The error of this room; see {@link RegistryErrorCode} for what to do about each code. */
export class RegistryError extends CodedError<RegistryErrorCode> {}
