/** What the tests of payouts need of the channel's room. */
import type { Cell } from '@ton/core'
import { type ChannelState, decodeStorage } from '../../src/payment-channel/index.ts'

export { type ChannelState, channelStatus, type KeyPair, keyPairOf, type Transfer } from '../../src/payment-channel/index.ts'

/** The state that a deployment begins with. */
export function parseChannelInit({ data }: { data: Cell }): ChannelState {
  return decodeStorage(data)
}
