import type { Nanoton } from '../lib/nanoton.ts'
import type { ChannelIdentity, ChannelState, SettlementOrder, SettlementResult } from '../payment-channel/index.ts'

/** The chain, as far as settlement needs it. */
export interface ChainPort {
  /** The channel at `address` from its account data, or undefined where the account is not active. Throws where the chain cannot be asked. */
  readChannel(address: string): Promise<ChannelState | undefined>
  /** Brings claims to the chain and waits until it shows them; one result per order. Safe to repeat. */
  settle(orders: readonly SettlementOrder[]): Promise<readonly SettlementResult[]>
}

/** The chain, as far as opening a channel needs it. */
export interface OpeningPort {
  /** What the address holds, and the channel at it where one is deployed. Throws where the chain cannot be asked. */
  readAccount(address: string): Promise<{ readonly balance: Nanoton; readonly state: ChannelState | undefined }>
  /** Sends the contract's code with 0.01 TON to the address that `identity` leads to. Fulfilled once the chain took the message. */
  open(identity: ChannelIdentity): Promise<void>
}
