/**
 * Bringing signed claims to the chain. A settlement names absolute amounts, so everything here may be repeated, by several
 * processes and after any crash: what was paid is never paid again.
 */
import type { Address } from '@ton/core'
import type { Clock } from '../lib/clock.ts'
import { type Nanoton, nanoton, smaller } from '../lib/nanoton.ts'
import { type ChainClient, poll } from './chain.ts'
import { ChannelError } from './errors.ts'
import { type Settlement, settleBody, verifyAuthorization, verifyClaim } from './messages.ts'
import { type ChannelState, channelStatus, payableAmount } from './state.ts'
import type { Transfer, Wallet } from './wallet.ts'
import { type ChannelAccount, readAccount } from './watch.ts'

/** Both sides' newest word on one channel. */
export type SettlementOrder = Omit<Settlement, 'chain'>

/**
 * - `settled`: the chain shows what was to be settled.
 * - `already`: it showed it before; nothing was sent.
 * - `partly`: it rose, but not as far: the channel's coins do not reach, or time was up. Look again, then repeat.
 * - `unpaid`: it did not rise in time. Repeat.
 * - `not-open`: never opened, closed, or too late in its close. There is nothing to get any more, or not yet.
 * - `refused`: the order would be refused on chain: a bad signature, or a claim above its ceiling. Stop: security event, nothing was sent.
 */
export type SettlementOutcome = 'settled' | 'already' | 'partly' | 'unpaid' | 'not-open' | 'refused'

export interface SettlementResult {
  readonly channel: Address
  readonly outcome: SettlementOutcome
  /** The channel as last seen. */
  readonly state: ChannelState | undefined
}

export interface SettlerOptions {
  readonly client: ChainClient
  readonly wallet: Pick<Wallet, 'send'>
  /** The chain's global id, as signed. */
  readonly chain: number
  readonly clock: Clock
  /** Between two looks at a channel. Default 1,000. */
  readonly intervalMs?: number
  /** How long to wait for each message's effects. Default 60,000. */
  readonly timeoutMs?: number
}

/** What comes with each settle message, for its gas; what is left goes to the payee. Many times today's price. */
export const settleValue: Nanoton = nanoton(20_000_000n)

// An external message holds 64 KiB; a settlement takes about 400 bytes of it.
const mostAtOnce = 100

interface Work {
  readonly order: SettlementOrder
  readonly before: ChannelState
  /** What `settled` will be. */
  readonly target: Nanoton
}

/** Settles channels, many in one wallet message. */
export class Settler {
  readonly #options: Required<SettlerOptions>

  constructor(options: SettlerOptions) {
    this.#options = { intervalMs: 1_000, timeoutMs: 60_000, ...options }
  }

  /**
   * Sends what is worth sending and waits until the chain shows its effect. One result per order, in their order.
   * Throws {@link ChannelError} as {@link Wallet.send} and {@link readAccount} do; then repeat the whole.
   */
  async settle(orders: readonly SettlementOrder[]): Promise<SettlementResult[]> {
    const results: SettlementResult[] = []
    for (let start = 0; start < orders.length; start += mostAtOnce)
      results.push(...(await this.#settleSome(orders.slice(start, start + mostAtOnce))))
    return results
  }

  async #settleSome(orders: readonly SettlementOrder[]): Promise<SettlementResult[]> {
    const plans: (Work | SettlementResult)[] = []
    for (const order of orders) plans.push(this.#plan(order, await readAccount(this.#options.client, order.channel)))
    const work = plans.filter(isWork)
    if (work.length > 0) await this.#options.wallet.send(work.map(({ order }) => this.#transfer(order)))
    const results: SettlementResult[] = []
    for (const plan of plans) results.push(isWork(plan) ? await this.#seeThrough(plan) : plan)
    return results
  }

  #plan(order: SettlementOrder, { state, seenAt }: ChannelAccount): Work | SettlementResult {
    const { channel, claim, authorization } = order
    const done = (outcome: SettlementOutcome): SettlementResult => ({ channel, outcome, state })
    if (!state) return done('not-open')
    if (payableAmount(state, claim.amount) === 0n) return done(state.settled > 0n || claim.amount === 0n ? 'already' : 'not-open')
    const late = state.status === channelStatus.closing && Math.max(seenAt, this.#options.clock.now() / 1000) >= state.closesAt
    if (late || state.status === channelStatus.new || state.status === channelStatus.closed) return done('not-open')
    if (!this.#isGood(order, state) || claim.amount > authorization.ceiling) return done('refused')
    return { order, before: state, target: smaller(claim.amount, state.deposited) }
  }

  #isGood({ channel, authorization, claim }: SettlementOrder, { payerKey, payeeKey }: ChannelState): boolean {
    const { chain } = this.#options
    try {
      verifyAuthorization(payerKey, { chain, channel, ceiling: authorization.ceiling }, authorization.signature)
      verifyClaim(payeeKey, { chain, channel, amount: claim.amount, root: claim.root }, claim.signature)
      return true
    } catch (error) {
      if (error instanceof ChannelError) return false
      throw error
    }
  }

  #transfer(order: SettlementOrder): Transfer {
    return { to: order.channel, value: settleValue, body: settleBody({ ...order, chain: this.#options.chain }) }
  }

  async #seeThrough({ order: { channel }, before, target }: Work): Promise<SettlementResult> {
    let state: ChannelState | undefined = before
    await poll(this.#options, async () => {
      state = (await readAccount(this.#options.client, channel)).state
      return !state || state.settled >= target || state.status === channelStatus.closed ? true : undefined
    })
    if (state && state.settled >= target) return { channel, outcome: 'settled', state }
    return { channel, outcome: state && state.settled > before.settled ? 'partly' : 'unpaid', state }
  }
}

function isWork(plan: Work | SettlementResult): plan is Work {
  return 'target' in plan
}
