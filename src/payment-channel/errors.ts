/** What can go wrong in the payment-channel room. */
import { CodedError } from '../lib/coded-error.ts'

/**
 * - `bad-terms`: terms that no channel opens under. Fix the request.
 * - `bad-key`: an Ed25519 public key that is no point, of small order, or with a torsion component. Fix the request.
 * - `bad-value`: a value that the wire format does not hold. Fix the request.
 * - `bad-signature`: a signature that does not match what it must cover. Fix the request; from a party we trust: stop, security event.
 * - `not-a-channel`: the account runs other code or holds other data than a channel's. Stop: security event if we derived the address.
 * - `key-file`: a key file that is missing, malformed or readable by others. Fix the file.
 * - `wallet-empty`: the wallet cannot cover what it is told to send. Top up the wallet.
 * - `not-sent`: the wallet's message was not included before it expired. Retry: nothing was sent, and it cannot be any more.
 * - `timed-out`: the chain did not show the expected state in time. Retry: everything here is safe to repeat.
 * - `chain-failed`: the chain's endpoint failed or answered nonsense. Retry.
 */
export type ChannelErrorCode =
  | 'bad-terms'
  | 'bad-key'
  | 'bad-value'
  | 'bad-signature'
  | 'not-a-channel'
  | 'key-file'
  | 'wallet-empty'
  | 'not-sent'
  | 'timed-out'
  | 'chain-failed'

/** The error of this room; see {@link ChannelErrorCode} for what to do about each code. */
export class ChannelError extends CodedError<ChannelErrorCode> {}
