/** Which public keys a channel may be opened with. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { ChannelError } from './errors.ts'

/**
 * Refuses a payer's key that is no canonical point, of small order, or with a small-order component. Under such a key one
 * signature can be good for one verifier and bad for another, so a payer could show what the chain then refuses.
 * `node:crypto` does not look at this; it costs milliseconds and is done once, when a channel is accepted.
 * Throws {@link ChannelError} `bad-key`.
 */
export function refuseTorsion(payerKey: Uint8Array): void {
  let good = false
  try {
    const point = ed25519.Point.fromBytes(payerKey)
    good = !point.isSmallOrder() && point.isTorsionFree()
  } catch (cause) {
    throw new ChannelError('bad-key', 'the key is not an Ed25519 public key', { cause })
  }
  if (!good) throw new ChannelError('bad-key', 'the key has a component of small order')
}
