/** The chain, through every endpoint that was named: what they do not agree on is not known. */
import type { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { smaller } from '../lib/nanoton.ts'
import { type ChainClient, type ChannelAccount, type KeyPair, readAccount, Settler, Wallet } from '../payment-channel/index.ts'
import { encodeStorage, type RegistryView, readRegistry } from '../policy-registry/index.ts'
import { readClaims, type SettledClaim } from './claims.ts'
import { ChannelCommandError } from './errors.ts'
import type { Network } from './networks.ts'

const timeoutMs = 20_000

export interface Chain {
  /** The account at a channel's address, as all endpoints show it. Throws {@link ChannelCommandError} `chain`. */
  read(address: Address): Promise<ChannelAccount>
  /** A registry, as all endpoints show it. Throws {@link ChannelCommandError} `chain`. */
  registry(address: Address): Promise<RegistryView>
  /** The wallet of `key` on this chain. It sends through the first endpoint. */
  wallet(key: KeyPair): Wallet
  /** Brings claims to the chain at the cost of `wallet`. */
  settler(wallet: Wallet): Settler
  /** Every claim that was brought to a channel, newest first, as the first endpoint tells it; each is signed, so it cannot make one up. */
  claims(channel: Address): Promise<SettledClaim[]>
  readonly clock: Clock
  /** Between two looks, milliseconds. */
  readonly intervalMs: number
}

/** Opens the endpoints at `urls`. */
export function openChain(urls: readonly string[], network: Network, clock: Clock = systemClock): Chain {
  const clients = urls.map(endpoint => new TonClient({ endpoint, timeout: timeoutMs }))
  const intervalMs = network.name === 'dev' ? 200 : 2_000
  return {
    clock,
    intervalMs,
    read: address => readFromAll(clients, urls, address),
    registry: address => registryFromAll(clients, urls, address),
    wallet: key => new Wallet({ client: clients[0]!, key, globalId: network.globalId, clock, intervalMs }),
    claims: channel => readClaims(clients[0]!, channel),
    settler: wallet => new Settler({ client: clients[0]!, wallet, chain: network.globalId, clock, intervalMs }),
  }
}

async function readFromAll(clients: readonly ChainClient[], urls: readonly string[], address: Address): Promise<ChannelAccount> {
  const views = await askAll(clients, urls, client => readAccount(client, address))
  const [first, ...others] = views as [ChannelAccount, ...ChannelAccount[]]
  const odd = others.findIndex(view => !isSame(first, view))
  if (odd >= 0)
    throw new ChannelCommandError(
      'chain',
      `the endpoints do not agree on ${address}: ${urls[0]} shows ${say(first)}, ${urls[odd + 1]} shows ${say(others[odd]!)}. One lags or lies: try again, or leave it out.`,
    )
  return {
    ...first,
    balance: views.reduce((least, view) => smaller(least, view.balance), first.balance),
    seenAt: Math.min(...views.map(({ seenAt }) => seenAt)),
  }
}

async function registryFromAll(clients: readonly ChainClient[], urls: readonly string[], address: Address): Promise<RegistryView> {
  const views = await askAll(clients, urls, client => readRegistry(client, address))
  const [first, ...others] = views as [RegistryView, ...RegistryView[]]
  const storage = encodeStorage(first.state)
  const odd = others.findIndex(({ state }) => !encodeStorage(state).equals(storage))
  if (odd >= 0)
    throw new ChannelCommandError(
      'chain',
      `${urls[0]} and ${urls[odd + 1]} do not agree on the registry ${address}. One lags or lies: try again, or leave it out.`,
    )
  return { ...first, seenAt: Math.min(...views.map(({ seenAt }) => seenAt)) }
}

function askAll<T>(clients: readonly ChainClient[], urls: readonly string[], ask: (client: ChainClient) => Promise<T>): Promise<T[]> {
  return Promise.all(
    clients.map((client, index) =>
      ask(client).catch(cause => {
        throw new ChannelCommandError('chain', `${urls[index]}: ${messageOf(cause)}`, { cause })
      }),
    ),
  )
}

function isSame({ state: a }: ChannelAccount, { state: b }: ChannelAccount): boolean {
  return a === b || (a?.status === b?.status && a?.deposited === b?.deposited && a?.settled === b?.settled && a?.closesAt === b?.closesAt)
}

function say({ state }: ChannelAccount): string {
  return state ? `status ${state.status}, ${state.deposited} deposited, ${state.settled} settled` : 'no channel'
}
