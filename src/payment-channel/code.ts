/** The compiled contract, as it stands beside its source. Every channel's address depends on each of its bits. */
import { Cell } from '@ton/core'
import compiled from './contract/channel.compiled.json' with { type: 'json' }

/** The contract's code as a base64 BOC, what `chrysalis channel code` prints. */
export const channelCodeBoc: string = compiled.code

/** The code cell of every channel. */
export const channelCode: Cell = Cell.fromBase64(channelCodeBoc)

/** The hash of {@link channelCode}, lowercase hex. */
export const channelCodeHash: string = compiled.hash
