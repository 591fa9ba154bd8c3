/** The chain, through every endpoint that was named: what they do not agree on is not known. */
import type { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { AgreedChain, boundedHttp, type ChannelAccount, type KeyPair, readAccount, Settler, Wallet } from '../payment-channel/index.ts'
import { type RegistryView, readRegistry } from '../policy-registry/index.ts'
import { readClaims, type SettledClaim } from './claims.ts'
import { ChannelCommandError } from './errors.ts'
import type { Network } from './networks.ts'

const timeoutMs = 20_000

export interface Chain {
  /** The account at a channel's address, as all endpoints show it. Throws {@link ChannelCommandError} `chain`. */
  read(address: Address): Promise<ChannelAccount>
  /** A registry, as all endpoints show it. Throws {@link ChannelCommandError} `chain`. */
  registry(address: Address): Promise<RegistryView>
  /** The wallet of `key` on this chain. */
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
  const clients = urls.map(endpoint => new TonClient({ endpoint, timeout: timeoutMs, httpAdapter: boundedHttp }))
  const intervalMs = network.name === 'dev' ? 200 : 2_000
  const client = new AgreedChain({ endpoints: urls.map((name, index) => ({ name, client: clients[index]! })), clock, intervalMs })
  return {
    clock,
    intervalMs,
    read: address => asked(readAccount(client, address)),
    registry: address => asked(readRegistry(client, address)),
    wallet: key => new Wallet({ client, key, globalId: network.globalId, clock, intervalMs }),
    claims: channel => readClaims(clients[0]!, channel),
    settler: wallet => new Settler({ client, wallet, chain: network.globalId, clock, intervalMs }),
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw new ChannelCommandError('chain', messageOf(cause), { cause })
  }
}
