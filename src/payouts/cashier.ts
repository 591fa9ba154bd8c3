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
  readonly pollMs: number
  readonly clock: Clock
  readonly logger: Logger
}

export class Cashier {
  readonly #options: CashierOptions
  #timer: Timer | undefined
  #running: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(options: CashierOptions) {
    this.#options = options
  }

  /** Looks at the chain now, and again and again. */
  start(): void {
    const { clock, pollMs } = this.#options
    void this.#round().then(() => {
      if (!this.#stopped) this.#timer = clock.after(pollMs, () => this.start())
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }

  /** Cashes everything that is signed for, however little. Throws where the chain cannot be asked. */
  cashAll(): Promise<readonly SettlementResult[]> {
    return this.#serialise(async () => {
      await this.#options.payee.look()
      return this.#cash(({ ceiling, settled }) => ceiling > settled)
    })
  }

  async #round(): Promise<void> {
    const { payee, threshold, logger } = this.#options
    try {
      await this.#serialise(async () => {
        await payee.look()
        await this.#cash(
          ({ ceiling, settled, status }) => ceiling > settled && (status === channelStatus.closing || ceiling - settled >= threshold),
        )
      })
    } catch (error) {
      logger.warn({ cause: messageOf(error) }, 'earnings were not looked after; it is tried again')
    }
  }

  async #cash(worth: (channel: PayeeChannel) => boolean): Promise<readonly SettlementResult[]> {
    const { payee, payeeKey, settle, logger } = this.#options
    const isLive = ({ status }: PayeeChannel) => status === channelStatus.open || status === channelStatus.closing
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
