/** What the chain says about a channel. Read from account data, checked against the address, never from a get-method. */
import type { Address } from '@ton/core'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'
import { type ChainClient, getAccount, type Patience, poll } from './chain.ts'
import { ChannelError } from './errors.ts'
import { type ChannelState, parseAccount, type Terms } from './state.ts'

/** How long at most between two looks at a channel, ms: 24 looks within its challenge period, so that no close passes unseen. */
export function longestPollMs({ challengePeriod }: Pick<Terms, 'challengePeriod'>): number {
  return (challengePeriod * 1_000) / 24
}

/** For how long a channel may go unread at most and still be drawn on, ms: half its challenge period; the rest is for the settlement. */
export function longestUnreadMs({ challengePeriod }: Pick<Terms, 'challengePeriod'>): number {
  return (challengePeriod * 1_000) / 2
}

/** The account at a channel's address. */
export interface ChannelAccount {
  /** Coins on the address: before it is opened, what a deployment would credit but for the reserve. */
  readonly balance: Nanoton
  /** `undefined` until the contract is deployed, and again once the account is freed. */
  readonly state: ChannelState | undefined
  /** The chain's time of this view, Unix seconds. */
  readonly seenAt: number
  /** The block of this view. */
  readonly block: number
}

/** Reads the account at `address`. Throws {@link ChannelError} `chain-failed` or `not-a-channel`. */
export async function readAccount(client: ChainClient, address: Address): Promise<ChannelAccount> {
  const account = await getAccount(client, address)
  if (account.state === 'frozen') throw new ChannelError('not-a-channel', `the account ${address} is frozen`)
  const { code, data } = account
  return {
    balance: nanoton(account.balance),
    state: account.state === 'active' && code && data ? parseAccount(address, code, data) : undefined,
    seenAt: account.timestampt,
    block: account.blockId.seqno,
  }
}

/** Reads the channel at `address`; `undefined` where none is deployed. Throws {@link ChannelError} `chain-failed` or `not-a-channel`. */
export async function readChannel(client: ChainClient, address: Address): Promise<ChannelState | undefined> {
  return (await readAccount(client, address)).state
}

/**
 * Waits until the channel at `address` is as `wanted` says, and returns it so.
 * Throws {@link ChannelError} `timed-out`, `chain-failed` or `not-a-channel`.
 */
export async function waitForChannel(
  client: ChainClient,
  address: Address,
  patience: Patience,
  wanted: (state: ChannelState) => boolean,
): Promise<ChannelState> {
  const seen = await poll(patience, async () => {
    const state = await readChannel(client, address)
    return state && wanted(state) ? state : undefined
  })
  if (!seen) throw new ChannelError('timed-out', `the channel ${address} did not become what it should in ${patience.timeoutMs} ms`)
  return seen
}
