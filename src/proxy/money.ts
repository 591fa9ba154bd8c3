/** Opens everything that talks to the chain about callers' channels: desk, settlement, claims outside the ledger. */
import { join } from 'node:path'
import { Address } from '@ton/core'
import { type ChannelDesk, hashApiKey } from '../api/index.ts'
import { openChainEndpoints } from '../chain-endpoints.ts'
import type { ProxyConfig } from '../config.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { parseNanoton } from '../lib/nanoton.ts'
import { keyLimits } from '../openai/index.ts'
import {
  type AgreedChain,
  type ChannelIdentity,
  channelAddress,
  channelInit,
  channelReserve,
  type KeyPair,
  longestPollMs,
  pause,
  readAccount,
  readChannel,
  Settler,
  Wallet,
} from '../payment-channel/index.ts'
import { ClaimFiles, CommandDesk, Desk, Settlement } from '../settlement/index.ts'

export interface MoneyOptions {
  readonly config: ProxyConfig
  readonly at: (path: string) => string
  readonly clock: Clock
  readonly logger: Logger
  readonly ledger: Ledger
  readonly payee: KeyPair
  readonly walletKey: KeyPair
}

/** Everything that talks to the chain. */
export interface Money {
  readonly desk: ChannelDesk
  readonly settlement: Settlement
  readonly claims: ClaimFiles
  readonly wallet: Wallet
  readonly client: AgreedChain
  /** Why no channel is served; undefined where some are, or the chain is well. */
  obstacle(): string | undefined
}

/** What the contract keeps back of a deposit, which this proxy pays where it opens a channel. */
const openingValue = channelReserve
/** How long a close waits for its settlement; after it the Release is given all the same, for it names what has to be settled first. */
const closeWaitsMs = 20_000
const opensPerHour = 60

/** How old what is known of a channel may be, for something new to be charged to it; of one with a short challenge period less. */
export function mostUnreadMs({ payments }: ProxyConfig): number {
  return (payments.max_unread_seconds ?? payments.challenge_period_seconds / 4) * 1000
}

export function openMoney(o: MoneyOptions): Money {
  const { config, at, clock, logger, ledger, payee, walletKey } = o
  const { chain, ...payments } = config.payments
  const chainId = chain.global_id
  const intervalMs = config.simulated ? 100 : 1_000
  const client = openChainEndpoints({ chain, at, clock, logger, intervalMs })
  const wallet = new Wallet({ client, key: walletKey, globalId: chainId, clock, intervalMs })
  const settler = new Settler({ client, wallet, chain: chainId, clock, intervalMs, timeoutMs: 60_000 })
  const settlement = new Settlement({
    ledger,
    chain: { readChannel: address => readChannel(client, Address.parse(address)), settle: settler.settle.bind(settler) },
    chainId,
    payeeKey: payee.privateKey,
    threshold: parseNanoton(payments.settle_threshold),
    // A channel that is opened between two looks has at least this period.
    pollMs: Math.min(payments.poll_seconds * 1000, longestPollMs({ challengePeriod: payments.challenge_period_seconds })),
    clock,
    logger,
  })
  const claims = new ClaimFiles({
    directory: payments.claims === undefined ? join(at(config.data), 'claims') : at(payments.claims),
    ledger,
    chainId,
    payeeKey: payee.privateKey,
    threshold: parseNanoton(payments.settle_threshold),
    clock,
    logger,
  })
  const desk = new Desk({
    ledger,
    chain: { readAccount: address => readAccount(client, Address.parse(address)), open: identity => openChannel(wallet, identity) },
    chainId,
    payee: wallet.address,
    payeeKey: payee.publicKey,
    challengePeriodSeconds: payments.challenge_period_seconds,
    openWithinSeconds: payments.open_within_seconds,
    minimumDeposit: parseNanoton(payments.minimum_deposit),
    opensPerHour,
    clock,
    hashApiKey,
  })
  const commands = new CommandDesk({
    ledger,
    chainId,
    payeeKey: payee.privateKey,
    clock,
    hashApiKey,
    limits: keyLimits,
    settle: channel => Promise.race([settlement.settleChannel(channel), pause(clock, closeWaitsMs)]),
    keepRelease: (channel, release) => claims.keepRelease(channel, release),
    logger,
  })
  return {
    desk: {
      propose: request => desk.propose(request),
      deploy: request => desk.deploy(request),
      createKey: request => desk.createKey(request),
      command: request => commands.command(request),
    },
    settlement,
    claims,
    wallet,
    client,
    obstacle: () => {
      const since = ledger.unreadSince()
      if (since === undefined) return undefined
      const problems = client.statuses().flatMap(({ problem }) => problem ?? [])
      return `the chain was not read since ${new Date(since).toISOString()}${problems.length > 0 ? `: ${problems.join('; ')}` : ''}`
    },
  }
}

/** The coins are there by then; what goes with the code is what the contract keeps back, so that all of them are credited. */
function openChannel(wallet: Wallet, identity: ChannelIdentity): Promise<void> {
  const to = channelAddress(identity.terms, identity.payerKey, identity.payeeKey)
  return wallet.send([{ to, value: openingValue, init: channelInit(identity), bounce: false }])
}
