/**
 * When an account's spending goes on chain. Channels are read again and again, because the chain alone knows deposits and
 * closes; what was spent durably is claimed when it is worth a fee, when the payer starts a close, and at shutdown where
 * that is wanted. A claim is signed for durable spending only, and kept in the ledger before it is sent.
 */
import type { KeyObject } from 'node:crypto'
import { Address } from '@ton/core'
import type { Ledger } from '../ledger/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import type { Nanoton } from '../lib/nanoton.ts'
import {
  type ChannelState,
  channelStatus,
  longestPollMs,
  longestUnreadMs,
  type SettlementOrder,
  signClaim,
  type Terms,
} from '../payment-channel/index.ts'
import type { ChainPort } from './ports.ts'

/** So many channels in a row that cannot be read are a chain that cannot be read. */
const mostFailures = 3
interface Due {
  readonly address: string
  readonly unclaimed: bigint
  readonly closing: boolean
  readonly stopped: boolean
}

export interface SettlementOptions {
  readonly ledger: Ledger
  readonly chain: ChainPort
  readonly chainId: number
  readonly payeeKey: KeyObject
  /** Unclaimed spending that is worth a settlement. */
  readonly threshold: Nanoton
  /** The longest between two looks at the chain. */
  readonly pollMs: number
  readonly clock: Clock
  readonly logger: Logger
}

export class Settlement {
  readonly #options: SettlementOptions
  #timer: Timer | undefined
  #running: Promise<void> = Promise.resolve()
  #reading: Promise<void> = Promise.resolve()
  /** A round of ours is settling, or waits to. */
  #settling = false
  #stopped = false
  /** The terms of channels that may still be closed: the shortest challenge period says how often they are read. */
  readonly #watched = new Map<string, Terms>()

  constructor(options: SettlementOptions) {
    this.#options = options
  }

  /** Reads every known channel and settles what is worth it, once; then keeps doing both. */
  start(): Promise<void> {
    return this.#round()
  }

  /** Stops watching; what is read or settled now is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#reading
    await this.#running
  }

  /** Settles all that was spent, however little, once it is on disk. Throws where the chain cannot be read or reached; what became of each claim is logged. */
  async settleAll(): Promise<void> {
    await this.#serialise(async () => {
      // Only durable spending is claimed, and on a slow disk the last charges may be on their way there.
      await this.#options.ledger.flushed()
      const unread = await this.#refresh()
      await this.#settle(unread, () => true)
      const [failure] = unread.values()
      if (unread.size > 0) throw failure
    })
  }

  /** Settles all that one channel has spent. Throws where the chain cannot be read or reached. */
  async settleChannel(address: string): Promise<void> {
    await this.#serialise(async () => {
      const state = await this.#options.chain.readChannel(address)
      if (state) this.#note(address, state)
      await this.#settle(new Map(), due => due.address === address)
    })
  }

  /** One look at the chain and whatever is worth settling; a failure is logged and tried again next time. */
  async #round(): Promise<void> {
    try {
      const unread = await this.#look()
      if (this.#settling || this.#stopped) return
      this.#settling = true
      await this.#serialise(() =>
        this.#settle(unread, ({ unclaimed, closing, stopped }) => unclaimed >= this.#options.threshold || closing || stopped),
      ).finally(() => {
        this.#settling = false
      })
    } catch (error) {
      this.#options.logger.warn({ cause: messageOf(error) }, 'the chain was not read or settled; it is tried again')
    }
  }

  /** Reads the channels, and plans the next round, which does not wait for a settlement on its way: what is known of channels must not grow old. */
  async #look(): Promise<ReadonlyMap<string, unknown>> {
    const looking = this.#refresh()
    this.#reading = looking.then(
      () => {},
      () => {},
    )
    try {
      return await looking
    } finally {
      if (!this.#stopped) this.#timer = this.#options.clock.after(this.#pollMs(), () => void this.#round())
    }
  }

  #pollMs(): number {
    return this.#watched.values().reduce((shortest, terms) => Math.min(shortest, longestPollMs(terms)), this.#options.pollMs)
  }

  #note(address: string, { status, deposited, settled, terms }: ChannelState): void {
    if (status === channelStatus.closed) this.#watched.delete(address)
    else this.#watched.set(address, terms)
    this.#options.ledger.noteChain(address, { status, deposited, settled, mostUnreadMs: longestUnreadMs(terms) })
  }

  /** Settlements never overlap: two of one claim would pay a fee twice. */
  #serialise(action: () => Promise<void>): Promise<void> {
    const next = this.#running.then(action)
    this.#running = next.catch(() => {})
    return next
  }

  /** Reads the channels; those that could not be read are returned with what was thrown, and hold up no other. Throws where none can be. */
  async #refresh(): Promise<ReadonlyMap<string, unknown>> {
    const { ledger, chain, logger } = this.#options
    const unread = new Map<string, unknown>()
    let inARow = 0
    for (const { address } of ledger.channels()) {
      try {
        const state = await chain.readChannel(address)
        if (state) this.#note(address, state)
        inARow = 0
      } catch (error) {
        if (++inARow === mostFailures) throw error
        logger.warn({ channel: address, cause: messageOf(error) }, 'a channel was not read; it is tried again')
        unread.set(address, error)
      }
    }
    return unread
  }

  async #settle(unread: ReadonlyMap<string, unknown>, worth: (due: Due) => boolean): Promise<void> {
    const { ledger, chain, logger } = this.#options
    const due: SettlementOrder[] = []
    for (const { address, status } of ledger.channels()) {
      if (unread.has(address)) continue
      const claimable = ledger.claimable(address)
      if (!claimable?.authorisation || (status !== channelStatus.open && status !== channelStatus.closing)) continue
      const unclaimed: bigint = claimable.spent - claimable.settled
      if (
        unclaimed > 0n &&
        worth({ address, unclaimed, closing: status === channelStatus.closing, stopped: ledger.account(address)!.stopped })
      )
        due.push(await this.#claim(address, claimable.spent, claimable.root, claimable.authorisation))
    }
    if (due.length === 0) return
    for (const { channel, outcome, state } of await chain.settle(due)) {
      const address = channel.toString()
      if (state) this.#note(address, state)
      const good = outcome === 'settled' || outcome === 'already'
      logger[good ? 'info' : outcome === 'refused' ? 'error' : 'warn'](
        { channel: address, outcome, settled: state?.settled.toString() },
        'settlement',
      )
    }
  }

  async #claim(
    address: string,
    amount: Nanoton,
    root: Buffer,
    authorization: { ceiling: Nanoton; signature: Uint8Array },
  ): Promise<SettlementOrder> {
    const reference = { chain: this.#options.chainId, channel: Address.parse(address) }
    const signature = signClaim(this.#options.payeeKey, { ...reference, amount, root })
    await this.#options.ledger.noteClaim(address, { amount, root, claimSignature: signature })
    return { channel: reference.channel, authorization, claim: { amount, root, signature } }
  }
}
