/**
 * The worker's cash: what is signed for goes on chain when it is worth a fee, when the payer starts to close, and when its owner says so.
 * The coins go to the payout address of the channel's terms, whoever sends the message.
 */
import type { KeyObject } from 'node:crypto'
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import type { Nanoton } from '../lib/nanoton.ts'
import { channelStatus, type SettlementOrder, type SettlementResult, signClaim } from '../payment-channel/index.ts'
import type { Payee, PayeeChannel } from './payee.ts'

export interface CashierOptions {
  readonly payee: Payee
  readonly payeeKey: KeyObject
  /** Brings claims to the chain; undefined where no wallet pays the fees: then somebody else cashes. */
  readonly settle: ((orders: readonly SettlementOrder[]) => Promise<readonly SettlementResult[]>) | undefined
  /** What is worth a fee. */
  readonly threshold: Nanoton
  /** The longest between two looks at the chain. */
  readonly pollMs: number
  readonly clock: Clock
  readonly logger: Logger
}

export class Cashier {
  readonly #options: CashierOptions
  #timer: Timer | undefined
  #looking: Promise<unknown> = Promise.resolve()
  #running: Promise<unknown> = Promise.resolve()
  /** A round of ours is cashing, or waits to. */
  #cashing = false
  #stopped = false

  constructor(options: CashierOptions) {
    this.#options = options
  }

  /** Looks at the chain now, and again and again; fulfilled after the first look. What is worth it is cashed, which no look waits for. */
  async start(): Promise<void> {
    void this.#round()
    await this.#looking
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#looking
    await this.#running
  }

  /** Cashes everything that is signed for, however little. Throws where the chain cannot be asked, after what it could be asked about. */
  async cashAll(): Promise<readonly SettlementResult[]> {
    const unread = await this.#options.payee.look()
    const results = await this.#serialise(() => this.#cash(({ ceiling, settled }) => ceiling > settled, unread))
    const [failure] = unread.values()
    if (unread.size > 0) throw failure
    return results
  }

  async #round(): Promise<void> {
    const { payee, threshold, clock, pollMs, logger } = this.#options
    const looking = this.#look()
    this.#looking = looking
    const unread = await looking
    if (this.#stopped) return
    this.#timer = clock.after(payee.pollMs(pollMs), () => void this.#round())
    if (!unread || this.#cashing) return
    this.#cashing = true
    const isWorth = ({ ceiling, settled, status }: PayeeChannel) =>
      ceiling > settled && (status === channelStatus.closing || ceiling - settled >= threshold)
    try {
      await this.#serialise(() => this.#cash(isWorth, unread))
    } catch (error) {
      logger.warn({ cause: messageOf(error) }, 'earnings were not cashed; it is tried again')
    } finally {
      this.#cashing = false
    }
  }

  /** One look; undefined where nothing could be read. */
  async #look(): Promise<ReadonlyMap<string, unknown> | undefined> {
    const { payee, logger } = this.#options
    try {
      const unread = await payee.look()
      for (const [channel, error] of unread) logger.warn({ channel, cause: messageOf(error) }, 'a channel was not read; it is tried again')
      return unread
    } catch (error) {
      logger.warn({ cause: messageOf(error) }, 'the chain was not read; it is tried again')
      return undefined
    }
  }

  async #cash(worth: (channel: PayeeChannel) => boolean, unread: ReadonlyMap<string, unknown>): Promise<readonly SettlementResult[]> {
    const { payee, payeeKey, settle, logger } = this.#options
    const isLive = ({ key, status }: PayeeChannel) =>
      !unread.has(key) && (status === channelStatus.open || status === channelStatus.closing)
    const orders = payee
      .channels()
      .flatMap(channel => (isLive(channel) && worth(channel) ? orderOf(channel, payee.offer.chain, payeeKey) : []))
    if (orders.length === 0 || !settle) return []
    const results = await settle(orders)
    for (const { channel, outcome, state } of results) {
      if (state) payee.note(channel, state)
      const good = outcome === 'settled' || outcome === 'already'
      logger[good ? 'info' : 'warn']({ channel: channel.toString(), outcome, settled: state?.settled.toString() }, 'cashed')
    }
    return results
  }

  /** Never two at once: the second would pay a fee for nothing. */
  #serialise<Result>(action: () => Promise<Result>): Promise<Result> {
    const next = this.#running.then(action)
    this.#running = next.catch(() => {})
    return next
  }
}

/** The order that cashes a channel; none before the first payment. */
export function orderOf({ address, ceiling, signature, root }: PayeeChannel, chain: number, payeeKey: KeyObject): SettlementOrder[] {
  if (!signature) return []
  const claim = signClaim(payeeKey, { chain, channel: address, amount: ceiling, root })
  return [{ channel: address, authorization: { ceiling, signature }, claim: { amount: ceiling, root, signature: claim } }]
}
