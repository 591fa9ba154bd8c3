/** A chain in memory that holds settlements to the contract's rules, and fails where a test says so. */
import type { Address } from '@ton/core'
import { sha256, utf8 } from '../../../src/lib/bytes.ts'
import { nanoton } from '../../../src/lib/nanoton.ts'
import {
  type ChannelIdentity,
  type ChannelState,
  type ChannelStatus,
  channelAddress,
  channelStatus,
  keyPairOf,
  payableAmount,
  type SettlementOrder,
  type SettlementResult,
  signAuthorization,
  type Terms,
  verifyAuthorization,
  verifyClaim,
} from '../../../src/payment-channel/index.ts'
import type { ChainPort, OpeningPort } from '../../../src/settlement/index.ts'
import { testAddress } from '../../support/ton.ts'
import { testChain } from '../../support/ton-config.ts'

export const payer = keyPairOf(sha256(utf8('payer')))
export const payee = keyPairOf(sha256(utf8('payee')))
export const payeeAddress = testAddress('operator')

/** A channel's terms, its address, and a payer who signs. */
export function channelOf(changes: Partial<Terms> = {}) {
  const terms: Terms = {
    payer: testAddress('payer wallet'),
    payee: payeeAddress,
    challengePeriod: 3_600,
    openUntil: 1_800_000_000 + 86_400,
    salt: 7n,
    ...changes,
  }
  const address = channelAddress(terms, payer.publicKey, payee.publicKey)
  const authorise = (ceiling: number | bigint) =>
    signAuthorization(payer.privateKey, { chain: testChain, channel: address, ceiling: nanoton(BigInt(ceiling)) })
  return { terms, address, name: address.toString(), authorise }
}

export class FakeChain implements ChainPort, OpeningPort {
  /** Coins on addresses where nothing is deployed. */
  readonly balances = new Map<string, bigint>()
  /** Every call of `open`. */
  readonly opened: ChannelIdentity[] = []
  openFailure: Error | undefined
  readonly channels = new Map<string, ChannelState>()
  /** Every call of `settle`. */
  readonly calls: (readonly SettlementOrder[])[] = []
  reads = 0
  /** All that was paid out. */
  paid = 0n
  /** Thrown by reads: all of them, or those of one channel. */
  readFailure: { error: Error; channel?: string } | undefined
  /** Thrown by `settle`, before it pays anything or after. */
  settleFailure: { error: Error; when: 'before' | 'after' } | undefined
  /** Answers reads with what the channels were when this was set. */
  stale: Map<string, ChannelState> | undefined
  /** Pays at most so much for each order. */
  most: bigint | undefined
  #gate: PromiseWithResolvers<void> | undefined

  /** Puts a channel on the chain, or changes what it is there. */
  put(channel: { terms: Terms; name: string }, changes: { status?: ChannelStatus; deposited?: number; settled?: number } = {}): void {
    const { status = channelStatus.open, deposited = 1_000, settled = 0 } = changes
    this.channels.set(channel.name, {
      ...{ terms: channel.terms, payerKey: payer.publicKey, payeeKey: payee.publicKey, closesAt: 0, status },
      deposited: nanoton(BigInt(deposited)),
      settled: nanoton(BigInt(settled)),
    })
  }

  /** Keeps every settlement waiting until the function returned is called. */
  stall(): () => void {
    const gate = Promise.withResolvers<void>()
    this.#gate = gate
    return () => gate.resolve()
  }

  async readChannel(address: string): Promise<ChannelState | undefined> {
    this.reads++
    const { readFailure } = this
    if (readFailure && (readFailure.channel ?? address) === address) throw readFailure.error
    return (this.stale ?? this.channels).get(address)
  }

  async readAccount(address: string): ReturnType<OpeningPort['readAccount']> {
    const state = await this.readChannel(address)
    return { balance: nanoton(this.balances.get(address) ?? state?.deposited ?? 0n), state }
  }

  async open(identity: ChannelIdentity): Promise<void> {
    this.opened.push(identity)
    await this.#gate?.promise
    if (this.openFailure) throw this.openFailure
    const name = channelAddress(identity.terms, identity.payerKey, identity.payeeKey).toString()
    this.put({ terms: identity.terms, name }, { deposited: Number(this.balances.get(name)) })
  }

  async settle(orders: readonly SettlementOrder[]): Promise<readonly SettlementResult[]> {
    this.calls.push(orders)
    await this.#gate?.promise
    if (this.settleFailure?.when === 'before') throw this.settleFailure.error
    const results = orders.map(order => this.#pay(order))
    if (this.settleFailure) throw this.settleFailure.error
    return results
  }

  #pay(order: SettlementOrder): SettlementResult {
    const { channel, authorization, claim } = order
    const before = this.channels.get(channel.toString())
    const done = (outcome: SettlementResult['outcome'], state = before): SettlementResult => ({ channel, outcome, state })
    if (!before || (before.status !== channelStatus.open && before.status !== channelStatus.closing)) return done('not-open')
    if (!isGood(channel, order) || claim.amount > authorization.ceiling) return done('refused')
    const due = payableAmount(before, claim.amount)
    if (due === 0n) return done('already')
    const payout = this.most !== undefined && this.most < due ? this.most : due
    this.paid += payout
    const after = { ...before, settled: nanoton(before.settled + payout) }
    this.channels.set(channel.toString(), after)
    return done(payout === due ? 'settled' : 'partly', after)
  }
}

function isGood(channel: Address, { authorization, claim }: SettlementOrder): boolean {
  try {
    verifyAuthorization(payer.publicKey, { chain: testChain, channel, ceiling: authorization.ceiling }, authorization.signature)
    verifyClaim(payee.publicKey, { chain: testChain, channel, amount: claim.amount, root: claim.root }, claim.signature)
    return true
  } catch {
    return false
  }
}
