import type { ChannelState, SettlementOrder, SettlementResult } from '../payment-channel/index.ts'

/** The chain, as far as settlement needs it. */
export interface ChainPort {
  /** The channel at `address` from its account data, or undefined where the account is not active. Throws where the chain cannot be asked. */
  readChannel(address: string): Promise<ChannelState | undefined>
  /** Brings claims to the chain and waits until it shows them; one result per order. Safe to repeat. */
  settle(orders: readonly SettlementOrder[]): Promise<readonly SettlementResult[]>
}
