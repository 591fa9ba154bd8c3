import { CodedError } from '../lib/coded-error.ts'

/**
 * What can go wrong between a proxy that pays and a worker that is paid.
 *
 * - `malformed`: a message that is not in its form. **Fix** its sender.
 * - `not-offered`: terms, key or chain that this worker did not offer. **Fix** the proxy: ask for the terms again.
 * - `not-funded`: the chain does not show the channel open with enough in it. **Retry** once it does, or top it up.
 * - `unknown-channel`: no such channel was brought here. **Retry** after bringing it.
 * - `bad-signature`: a signature that does not match. **Stop.**
 * - `out-of-step`: an authorization that does not begin where the last one ended. **Retry** from `ceiling`.
 * - `uncovered`: what is owed has passed what is signed for by more than the credit, or what is locked. **Retry** after paying, or elsewhere.
 * - `chain-failed`: the chain cannot be asked. **Retry.**
 */
export type PayErrorCode =
  | 'malformed'
  | 'not-offered'
  | 'not-funded'
  | 'unknown-channel'
  | 'bad-signature'
  | 'out-of-step'
  | 'uncovered'
  | 'chain-failed'

export class PayError extends CodedError<PayErrorCode> {}
