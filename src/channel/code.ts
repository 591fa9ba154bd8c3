/** `chrysalis channel code`: the contract that every channel is, so that anyone can derive an address or compare it with the source. */
import { channelCodeBoc, channelCodeHash } from '../payment-channel/index.ts'
import type { Outcome } from './world.ts'

export function code(): Outcome {
  return { json: { code: channelCodeBoc, hash: channelCodeHash }, lines: [channelCodeBoc] }
}
