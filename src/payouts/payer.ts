/**
 * The proxy's side: a channel to each worker that wants pay, opened, topped up and closed by itself, and a signature for what each
 * request earned. Signatures leave together, a quarter of a second after the first job they are for, or sooner where the worker's
 * credit runs out. The worker's terms are believed over the receipt key of its attested keyset alone.
 */
import type { KeyObject } from 'node:crypto'
import type { Address } from '@ton/core'
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { add, type Nanoton, zero } from '../lib/nanoton.ts'
import {
  type ChannelState,
  channelAddress,
  channelInit,
  channelStatus,
  depositBody,
  finishCloseBody,
  signAuthorization,
  startCloseBody,
  type Terms,
  type Transfer,
  verifyAuthorization,
} from '../payment-channel/index.ts'
import { AccountWithWorker, type Earned } from './account-with-worker.ts'
import { PayError } from './errors.ts'
import { type MarkKey, markKeyOf, markSecret } from './mark-key.ts'
import type { OwingsBook } from './owings-book.ts'
import { decodeHeld, decodeOffer, encodeChannel, encodeMark, encodePayment, type PayOffer, signMarkKey, toWireTerms } from './wire.ts'

/** A worker, as far as it is paid. */
export interface PaidWorker {
  readonly id: string
  /** Raw, of the live lease; undefined where none is live. */
  receiptKey(): Uint8Array | undefined
  /** Asks the worker over HTTP. Throws where it does not answer. */
  ask(method: 'GET' | 'POST', path: string, body?: string): Promise<{ readonly status: number; readonly text: string }>
}

export interface PayerOptions {
  readonly book: OwingsBook
  readonly workers: readonly PaidWorker[]
  readonly payerKey: { readonly privateKey: KeyObject; readonly publicKey: Buffer }
  readonly wallet: { readonly address: Address; send(transfers: readonly Transfer[]): Promise<void> }
  readonly readChannel: (address: Address) => Promise<ChannelState | undefined>
  /** The chain's global id. */
  readonly chain: number
  /** What a channel is opened and topped up with, and below how much that is free it is topped up. */
  readonly deposit: Nanoton
  readonly topUpBelow: Nanoton
  /** The longest challenge period that is agreed to, seconds. */
  readonly longestChallenge: number
  readonly pollMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly random: (size: number) => Buffer
}

/** A place for one request in the channel to its worker. `end` must be called exactly once. */
export interface PayHold {
  /** The header value for a request whose context hashes to `contextDigest`. */
  mark(contextDigest: Uint8Array): string
  end(job: Earned | undefined): void
  /** In place of `end`: the worker says that it is not covered. The channel is looked after at once. */
  refused(): void
}

/** How the channel to one worker stands, for people. */
export interface PayStatus {
  readonly worker: string
  readonly channel: string | undefined
  readonly deposited: Nanoton
  readonly earned: Nanoton
  readonly signed: Nanoton
  readonly settled: Nanoton
  readonly problem: string | undefined
}

const paths = { offer: '/v1/pay', channel: '/v1/pay/channel', payment: '/v1/pay/payment' } as const
const flushMs = 250
const openWithinSeconds = 3_600
/** For gas; the rest comes back. */
const closeValue = 50_000_000n as Nanoton

interface Member {
  readonly worker: PaidWorker
  offer: PayOffer | undefined
  /** Marks the requests that the account pays for; known once the worker has taken the channel. */
  secret: KeyObject | undefined
  account: AccountWithWorker | undefined
  /** The worker has said that it takes the channel. */
  isTaken: boolean
  problem: string | undefined
  tending: Promise<void> | undefined
  tendTimer: Timer | undefined
  flushing: Promise<void> | undefined
  flushTimer: Timer | undefined
  unsent: Nanoton
}

export class Payer {
  readonly #options: PayerOptions
  readonly #members = new Map<string, Member>()
  readonly #markKey: MarkKey
  #stopped = false

  constructor(options: PayerOptions) {
    this.#options = options
    this.#markKey = markKeyOf(options.payerKey.privateKey)
    for (const worker of options.workers)
      this.#members.set(worker.id, {
        ...{ worker, offer: undefined, secret: undefined, account: undefined, isTaken: false, problem: 'not looked at yet' },
        ...{ tending: undefined, tendTimer: undefined, flushing: undefined, flushTimer: undefined, unsent: zero },
      })
    for (const kept of options.book.channels()) {
      const member = this.#members.get(kept.worker)
      if (member && kept.status !== channelStatus.closed)
        member.account = new AccountWithWorker(kept, options.payerKey.publicKey, options.book, options.clock)
    }
  }

  /** Begins to look after every channel. */
  start(): void {
    for (const member of this.#members.values()) this.#tendLater(member, 0)
  }

  /** Signs for what is left, stops, and closes the book. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const member of this.#members.values()) {
      member.tendTimer?.cancel()
      await member.tending
      await this.#flush(member)
      member.flushTimer?.cancel()
    }
    this.#options.book.close()
  }

  /** Whether `worker` can be paid for something now. */
  isReady(worker: string): boolean {
    const { account, isTaken, offer } = this.#members.get(worker)!
    return account !== undefined && offer !== undefined && isTaken && account.isOpen && account.free > offer.floor
  }

  /** A place for a request that may earn `cap` at most; undefined where the channel does not cover it. */
  hold(worker: string, cap: Nanoton): PayHold | undefined {
    const member = this.#members.get(worker)!
    const { account, offer, secret, isTaken } = member
    if (!account || !offer || !secret || !isTaken || !account.reserve(cap, offer.floor)) return undefined
    let open = true
    const end = (job: Earned | undefined) => {
      if (!open) return
      open = false
      account.end(cap, job)
      if (job) this.#flushLater(member, job.amount)
    }
    return {
      mark: digest => encodeMark(account.key, digest, secret),
      end,
      refused: () => {
        end(undefined)
        member.isTaken = false
        if (!member.tending) this.#tendLater(member, 0)
      },
    }
  }

  statuses(): PayStatus[] {
    return Array.from(this.#members.values(), ({ worker, account, problem }) => ({
      worker: worker.id,
      channel: account?.address.toString(),
      deposited: account?.deposited ?? zero,
      earned: account?.earned ?? zero,
      signed: account?.sent ?? zero,
      settled: account?.settled ?? zero,
      problem,
    }))
  }

  #tendLater(member: Member, delayMs: number): void {
    member.tendTimer?.cancel()
    if (this.#stopped) return
    member.tendTimer = this.#options.clock.after(delayMs, () => {
      member.tending = this.#tend(member)
        .then(
          () => this.#report(member, undefined),
          error => this.#report(member, messageOf(error)),
        )
        .then(() => {
          member.tending = undefined
          this.#tendLater(member, this.#pauseOf(member))
        })
    })
  }

  /** Looking whether there is a lease costs nothing; asking a worker does. */
  #pauseOf({ worker }: Member): number {
    const { pollMs } = this.#options
    if (this.isReady(worker.id)) return pollMs
    return Math.min(worker.receiptKey() ? 1_000 : 100, pollMs)
  }

  #report(member: Member, problem: string | undefined): void {
    if (problem !== undefined && problem !== member.problem)
      this.#options.logger.warn({ worker: member.worker.id, cause: problem }, 'the channel to a worker is not in order; it is tried again')
    member.problem = problem
  }

  /** Brings the channel of one worker into order, step by step; whatever fails is begun again. */
  async #tend(member: Member): Promise<void> {
    const offer = await this.#askOffer(member)
    if (!offer) return
    await this.#look(member)
    if (member.account && !member.account.payeeKey.equals(offer.payeeKey)) await this.#retire(member)
    if (!member.account || member.account.status === channelStatus.closed) this.#begin(member, offer)
    const account = member.account!
    if (account.status === channelStatus.new) await this.#fund(account)
    else if (account.isOpen && account.deposited - account.earned < this.#options.topUpBelow) await this.#topUp(member, account)
    if (!account.isOpen) throw new PayError('not-funded', 'the channel is not open yet')
    if (!member.isTaken) await this.#bring(member, account)
    if (account.isBehind) await this.#flush(member)
  }

  /** The worker's terms, as its attested key signs them; undefined while it has no lease. */
  async #askOffer(member: Member): Promise<PayOffer | undefined> {
    const { chain, random, longestChallenge, deposit } = this.#options
    const key = member.worker.receiptKey()
    if (!key) throw new PayError('not-funded', 'it has no live lease yet')
    const nonce = random(32)
    const { status, text } = await member.worker.ask('GET', `${paths.offer}?nonce=${nonce.toString('hex')}`)
    if (status !== 200) throw new PayError('not-offered', `the worker answered ${status} in place of its terms`)
    const offer = decodeOffer(text, nonce, key)
    const wrong =
      offer.worker !== member.worker.id
        ? 'it names another worker'
        : offer.chain !== chain
          ? `it is paid on chain ${offer.chain}, and this proxy pays on ${chain}`
          : offer.challengePeriod > longestChallenge
            ? `it asks for a challenge period of ${offer.challengePeriod} seconds, above payments.workers.longest_challenge_seconds`
            : offer.minimumDeposit > deposit || offer.floor >= deposit
              ? `it asks for ${offer.minimumDeposit} nanoTON with a floor of ${offer.floor}, above payments.workers.deposit`
              : undefined
    if (wrong) throw new PayError('not-offered', `the terms of the worker are refused: ${wrong}`)
    member.offer = offer
    return offer
  }

  async #look({ account }: Member): Promise<void> {
    if (!account) return
    const state = await this.#options.readChannel(account.address)
    if (state) account.note(state)
  }

  /** Keeps a new channel before a coin goes there. */
  #begin(member: Member, offer: PayOffer): void {
    const { book, clock, wallet, payerKey, random } = this.#options
    const terms: Terms = {
      payer: wallet.address,
      payee: offer.payee,
      challengePeriod: offer.challengePeriod,
      openUntil: Math.floor(clock.now() / 1000) + openWithinSeconds,
      salt: random(8).readBigUInt64BE(),
    }
    const address = channelAddress(terms, payerKey.publicKey, offer.payeeKey).toRawString()
    const kept = {
      ...{ address, worker: member.worker.id, terms: JSON.stringify(toWireTerms(terms)), payeeKey: offer.payeeKey },
      ...{ status: channelStatus.new, deposited: zero, settled: zero, earned: zero, sent: zero, sentSeq: 0 },
    }
    book.addChannel(kept, clock.now())
    member.account = new AccountWithWorker(kept, payerKey.publicKey, book, clock)
    member.isTaken = false
  }

  /** Sends the deposit with the contract's code. What arrives twice is still ours: it tops the channel up. */
  async #fund(account: AccountWithWorker): Promise<void> {
    const { wallet, deposit, payerKey, clock, readChannel } = this.#options
    const { terms, payeeKey, address } = account
    if (clock.now() / 1000 > terms.openUntil) {
      // It never opened and never will: coins that got there come back by themselves, or by finish_close.
      account.note({ status: channelStatus.closed, deposited: zero, settled: zero })
      throw new PayError('not-funded', 'the channel was not opened in time; another is begun')
    }
    const init = channelInit({ terms, payerKey: payerKey.publicKey, payeeKey })
    await wallet.send([{ to: address, value: deposit, body: depositBody(), init, bounce: false }])
    const state = await readChannel(address)
    if (state) account.note(state)
  }

  async #topUp(member: Member, account: AccountWithWorker): Promise<void> {
    const { wallet, deposit, logger } = this.#options
    await wallet.send([{ to: account.address, value: deposit, body: depositBody() }])
    await this.#look(member)
    member.isTaken = false
    logger.info({ worker: member.worker.id, channel: account.address.toString(), deposited: account.deposited.toString() }, 'topped up')
  }

  /** The worker has another key than the channel: nothing more can be cashed on it but what was signed for, so that it is closed by time. */
  async #retire(member: Member): Promise<void> {
    const { wallet, clock, readChannel } = this.#options
    const account = member.account!
    const state = await readChannel(account.address)
    if (!state || state.status === channelStatus.new || state.status === channelStatus.closed) {
      account.note({ status: channelStatus.closed, deposited: account.deposited, settled: account.settled })
      return
    }
    if (state.status === channelStatus.open) await wallet.send([{ to: account.address, value: closeValue, body: startCloseBody() }])
    else if (clock.now() / 1000 >= state.closesAt) await wallet.send([{ to: account.address, value: closeValue, body: finishCloseBody() }])
    await this.#look(member)
    if (account.status === channelStatus.closed) return
    throw new PayError('not-offered', 'the worker has another key than its channel, which is being closed; another is opened after that')
  }

  async #bring(member: Member, account: AccountWithWorker): Promise<void> {
    const { payerKey } = this.#options
    const { publicKey: markKey, privateKey } = this.#markKey
    const signature = signMarkKey(account.address, markKey, payerKey.privateKey)
    const { status, text } = await member.worker.ask(
      'POST',
      paths.channel,
      encodeChannel({ terms: account.terms, payerKey: payerKey.publicKey, markKey, signature }),
    )
    if (status !== 200) throw new PayError('not-funded', `the worker does not take the channel: ${status} ${problemIn(text)}`)
    this.#adopt(account, decodeHeld(text))
    member.secret = markSecret(privateKey, member.offer!.markKey, account.key)
    member.isTaken = true
    this.#options.logger.info({ worker: member.worker.id, channel: account.address.toString() }, 'the worker is paid on this channel')
  }

  #flushLater(member: Member, earned: Nanoton): void {
    member.unsent = add(member.unsent, earned)
    const isUrgent = member.offer !== undefined && member.unsent >= member.offer.credit / 2n
    if (isUrgent) member.flushTimer?.cancel()
    else if (member.flushTimer) return
    member.flushTimer = this.#options.clock.after(isUrgent ? 0 : flushMs, () => {
      member.flushTimer = undefined
      void this.#flush(member)
    })
  }

  /** One flush at a time; what comes meanwhile is taken along. Never throws: what was not taken is sent again by the next look. */
  #flush(member: Member): Promise<void> {
    member.flushing ??= this.#send(member)
      .catch(error => this.#report(member, messageOf(error)))
      .then(() => {
        member.flushing = undefined
      })
    return member.flushing
  }

  async #send(member: Member): Promise<void> {
    const { account } = member
    while (account?.isBehind) {
      member.unsent = zero
      const { chain, payerKey } = this.#options
      const { ceiling, jobs } = account.next()
      const signature = signAuthorization(payerKey.privateKey, { chain, channel: account.address, ceiling })
      const paid = jobs.map(({ rid, amount }) => [rid, amount] as const)
      const payment = encodePayment({ channel: account.address, from: account.sent, ceiling, signature, jobs: paid })
      const { status, text } = await member.worker.ask('POST', paths.payment, payment)
      if (status === 200) account.held(ceiling, jobs.at(-1))
      else if (status === 409) this.#adopt(account, decodeHeld(text))
      else {
        // It has lost its book, or was never told: the channel is brought again.
        if (status === 404) member.isTaken = false
        throw new PayError('unknown-channel', `the worker did not take a payment: ${status} ${problemIn(text)}`)
      }
    }
  }

  /** Goes on from what the worker holds, which is never more than we signed. */
  #adopt(account: AccountWithWorker, { ceiling, signature }: ReturnType<typeof decodeHeld>): void {
    if (ceiling === account.sent) return
    if (ceiling > account.sent)
      verifyAuthorization(
        this.#options.payerKey.publicKey,
        { chain: this.#options.chain, channel: account.address, ceiling },
        signature ?? Buffer.alloc(0),
      )
    account.held(ceiling, undefined)
  }
}

/** The few words of a problem document; nothing of an answer that is none. */
function problemIn(text: string): string {
  try {
    const { type } = JSON.parse(text) as { type?: unknown }
    return typeof type === 'string' ? (/^urn:chrysalis:[a-z-]{1,40}$/.exec(type)?.[0] ?? '') : ''
  } catch {
    return ''
  }
}
