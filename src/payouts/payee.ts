/**
 * The worker's side: who may have work done here, what a job earned, and what of it is signed for. A worker works for a channel while
 * it is open on the chain as that was read lately, holds more than all that is owed and the floor, and while no more than the credit is owed
 * without a signature.
 */
import type { KeyObject } from 'node:crypto'
import type { Address } from '@ton/core'
import { LRUCache } from 'lru-cache'
import { costOf, type Price, type Usage } from '../envelope/index.ts'
import { sha256, utf8 } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { add, type Nanoton, nanoton, subtract, subtractToZero, zero } from '../lib/nanoton.ts'
import {
  ChannelError,
  type ChannelState,
  channelAddress,
  channelStatus,
  longestPollMs,
  longestUnreadMs,
  refuseTorsion,
  type Terms,
  verifyAuthorization,
} from '../payment-channel/index.ts'
import type { EarningChannel, EarningsBook } from './earnings-book.ts'
import { PayError } from './errors.ts'
import { markSecret } from './mark-key.ts'
import {
  type BroughtChannel,
  decodeMark,
  type Held,
  type Mark,
  type Payment,
  type PayOffer,
  parseWireTerms,
  toWireTerms,
  verifyMark,
  verifyMarkKey,
} from './wire.ts'

/** What is lost with a broken line is written off after so long without a word about it. */
const writtenOffMs = 10 * 60_000
/** So many channels in a row that cannot be read are a chain that cannot be read. */
const mostFailures = 3

export interface PayeeOptions {
  readonly book: EarningsBook
  readonly offer: PayOffer
  /** The private key of `offer.markKey`. */
  readonly markKey: KeyObject
  /** The channel at an address by its account data; undefined where none is deployed. Throws where the chain cannot be asked. */
  readonly readChannel: (address: Address) => Promise<ChannelState | undefined>
  readonly clock: Clock
}

/** How a job ended, for its price: what it used, by the offer of the keyset that it was sealed to. */
export interface JobEnd {
  readonly rid: string
  readonly model: string
  readonly usage: Usage
  readonly offer: Price
  /** `lost` where the line broke. */
  readonly finish: string
}

/** A request that may be worked on. `end` must be called exactly once. */
export interface PaidWork {
  end(end: JobEnd | undefined): void
}

interface Account {
  readonly address: Address
  readonly key: string
  readonly payerKey: Buffer
  readonly terms: Terms
  /** Marks the requests that it pays for. */
  secret: KeyObject
  status: EarningChannel['status']
  deposited: Nanoton
  settled: Nanoton
  /** When the chain was read for it in this process, ms: what the book knows from before may be old. */
  readAt: number
  ceiling: Nanoton
  signature: Buffer | null
  root: Buffer
  /** Earned, and not signed for yet, by request. */
  readonly unsigned: Map<string, { readonly amount: Nanoton; readonly lost: boolean; readonly at: number }>
  /** Of all of `unsigned`, and of finished jobs that were signed for with less than they cost. */
  owed: Nanoton
  /** The most that running jobs may earn. */
  running: Nanoton
}

/** One channel, for who cashes it and who looks at it. */
export interface PayeeChannel {
  readonly address: Address
  /** The raw address. */
  readonly key: string
  readonly status: EarningChannel['status']
  readonly deposited: Nanoton
  readonly settled: Nanoton
  readonly ceiling: Nanoton
  readonly signature: Buffer | null
  readonly root: Buffer
  readonly owed: Nanoton
}

export class Payee {
  readonly #options: PayeeOptions
  readonly #accounts = new Map<string, Account>()
  /** Paid before the end of the job was booked here: both happen within a moment. */
  readonly #early = new LRUCache<string, { readonly signed: Nanoton; readonly total: Nanoton }>({ max: 10_000 })

  /** Takes up what the book has. */
  constructor(options: PayeeOptions) {
    this.#options = options
    const { book, offer } = options
    for (const { address, terms, markKey, ...kept } of book.channels()) {
      const identity = parseWireTerms(terms)
      const secret = markSecret(options.markKey, markKey, address)
      const account = openAccount({
        ...{ ...kept, secret, terms: identity, readAt: Number.NEGATIVE_INFINITY },
        address: channelAddress(identity, kept.payerKey, offer.payeeKey),
      })
      for (const { rid, amount, finish, at } of book.unsigned(address)) account.unsigned.set(rid, { amount, lost: finish === 'lost', at })
      account.owed = sum(account, book.short(address))
      this.#accounts.set(account.key, account)
    }
  }

  get offer(): PayOffer {
    return this.#options.offer
  }

  /** The highest ceiling that is held for a channel. Throws {@link PayError} `unknown-channel`. */
  held(channel: Address): Held {
    return this.#account(channel)
  }

  channels(): PayeeChannel[] {
    return [...this.#accounts.values()]
  }

  /**
   * Takes a channel that a proxy brings, or looks at one again. Its address is derived here, and the chain must show it open with at least
   * the minimum. Throws {@link PayError} `not-offered`, `not-funded` or `chain-failed`.
   */
  async bring(channel: BroughtChannel): Promise<PayeeChannel> {
    const { terms, payerKey, markKey } = channel
    const { book, offer, clock } = this.#options
    if (!terms.payee.equals(offer.payee)) throw new PayError('not-offered', 'the channel pays somebody else')
    if (terms.challengePeriod < offer.challengePeriod)
      throw new PayError('not-offered', `the challenge period must be at least ${offer.challengePeriod} seconds`)
    const address = derive(terms, payerKey, offer.payeeKey)
    verifyMarkKey(address, channel)
    const secret = markSecret(this.#options.markKey, markKey, keyOf(address))
    const state = await this.#read(address)
    const known = this.#accounts.get(keyOf(address))
    if (known) {
      if (state) this.#note(known, state)
      known.secret = secret
      book.noteMarkKey(known.key, markKey)
      return known
    }
    if (state?.status !== channelStatus.open) throw new PayError('not-funded', 'the channel is not open on the chain')
    if (state.deposited < offer.minimumDeposit)
      throw new PayError('not-funded', `the channel holds less than the minimum of ${offer.minimumDeposit} nanoTON`)
    // A channel that was cashed and is not in the book: the book was lost, and what was signed before is known to the proxy alone.
    const { status, deposited, settled } = state
    const account = openAccount({
      secret,
      address,
      terms,
      payerKey,
      status,
      deposited,
      settled,
      readAt: clock.now(),
      ceiling: zero,
      signature: null,
      root: Buffer.alloc(32),
    })
    const key = account.key
    const raced = this.#accounts.get(key)
    if (raced) return raced
    book.addChannel(
      { address: key, terms: JSON.stringify(toWireTerms(terms)), payerKey, markKey, root: account.root, status, deposited, settled },
      clock.now(),
    )
    book.commit()
    this.#accounts.set(key, account)
    return account
  }

  /** Whether a request with this mark may be read at all. Throws {@link PayError} `malformed`, `unknown-channel` or `uncovered`. */
  admit(header: string | undefined): Mark {
    if (header === undefined) throw new PayError('uncovered', 'this worker works for pay: the request names no channel')
    const mark = decodeMark(header)
    const account = this.#accountAt(mark.channel)
    this.#cover(account, zero)
    return mark
  }

  /**
   * Begins work on a request that may cost `cap` at most. Throws {@link PayError} `bad-signature`, `unknown-channel` or `uncovered`; then nothing is held.
   */
  begin(mark: Mark, contextDigest: Uint8Array, cap: Nanoton): PaidWork {
    const account = this.#accountAt(mark.channel)
    verifyMark(mark, contextDigest, account.secret)
    this.#cover(account, cap)
    account.running = add(account.running, cap)
    let open = true
    return {
      end: end => {
        if (!open) return
        open = false
        account.running = subtract(account.running, cap)
        if (end) this.#earn(account, end)
      },
    }
  }

  #earn(account: Account, { rid, model, usage, offer, finish }: JobEnd): void {
    const amount = earningOf(usage, offer)
    const at = this.#options.clock.now()
    this.#options.book.addJob({ rid, channel: account.key, at, model, usage: JSON.stringify(usage), amount, finish })
    const early = this.#early.get(rid)
    if (early) {
      this.#early.delete(rid)
      this.#options.book.sign(rid, early)
      if (finish !== 'lost') account.owed = add(account.owed, subtractToZero(amount, early.signed))
      return
    }
    account.unsigned.set(rid, { amount, lost: finish === 'lost', at })
    account.owed = add(account.owed, amount)
  }

  /**
   * Takes a payment: what it signs for, and which jobs that is for. One that is known already changes nothing. Durable when it returns.
   * Throws {@link PayError} `unknown-channel`, `out-of-step`, `malformed` or `bad-signature`.
   */
  pay({ channel, from, ceiling, signature, jobs }: Payment): Held {
    const account = this.#account(channel)
    if (ceiling < account.ceiling) return account
    if (from !== account.ceiling) {
      if (ceiling === account.ceiling) return account
      throw new PayError('out-of-step', `the last payment went up to ${account.ceiling}`)
    }
    const named = jobs.reduce((total, [, paid]) => total + paid, 0n)
    if (named > ceiling - from) throw new PayError('malformed', 'the jobs are worth more than is signed for')
    this.#verify(account, ceiling, signature)

    const booked: { rid: string; signed: Nanoton; total: Nanoton }[] = []
    let total = from
    for (const [rid, paid] of jobs) {
      total = add(total, paid)
      const job = account.unsigned.get(rid)
      if (!job) {
        this.#early.set(rid, { signed: paid, total })
        continue
      }
      account.unsigned.delete(rid)
      // What a broken line took is not argued about. What a finished job was paid too little for stays owed.
      const settledPart = job.lost || paid >= job.amount ? job.amount : paid
      account.owed = subtractToZero(account.owed, settledPart)
      booked.push({ rid, signed: paid, total })
    }
    this.#writeOff(account, booked, total)
    account.ceiling = ceiling
    account.signature = signature
    account.root = nextRoot(account.root, ceiling, jobs)
    this.#options.book.pay({ channel: account.key, ceiling, signature, root: account.root, jobs: booked })
    return account
  }

  /**
   * Takes what the chain shows now of every channel that is not closed. Those that could not be read are returned with what was thrown, and
   * hold up no other. Throws {@link PayError} `chain-failed` where none can be.
   */
  async look(): Promise<ReadonlyMap<string, unknown>> {
    const unread = new Map<string, unknown>()
    let inARow = 0
    for (const account of this.#accounts.values()) {
      if (account.status === channelStatus.closed) continue
      try {
        const state = await this.#read(account.address)
        if (state) this.#note(account, state)
        inARow = 0
      } catch (error) {
        if (++inARow === mostFailures) throw error
        unread.set(account.key, error)
      }
    }
    return unread
  }

  /** How long at most between two looks, ms: `mostMs`, or less where a channel has a short challenge period. */
  pollMs(mostMs: number): number {
    return this.#accounts
      .values()
      .filter(({ status }) => status !== channelStatus.closed)
      .reduce((shortest, { terms }) => Math.min(shortest, longestPollMs(terms)), mostMs)
  }

  /** Takes what the chain showed of a channel. Old answers change nothing. */
  note(address: Address, state: ChannelState): void {
    this.#note(this.#account(address), state)
  }

  #note(account: Account, { status, deposited, settled }: ChannelState): void {
    account.readAt = this.#options.clock.now()
    if (status < account.status || deposited < account.deposited || settled < account.settled) return
    if (status === account.status && deposited === account.deposited && settled === account.settled) return
    Object.assign(account, { status, deposited, settled })
    this.#options.book.noteChain({ address: account.key, status, deposited, settled })
  }

  #cover(account: Account, cap: Nanoton): void {
    const { credit, floor } = this.#options.offer
    if (account.status !== channelStatus.open) throw new PayError('uncovered', 'the channel is not open')
    // It may have been closed meanwhile, and what was signed for must be cashed in time.
    if (this.#options.clock.now() > account.readAt + longestUnreadMs(account.terms))
      throw new PayError('uncovered', 'the chain was not read for this channel for too long')
    if (account.owed > credit) throw new PayError('uncovered', `${account.owed} nanoTON are owed and not signed for`)
    if (account.deposited < account.ceiling + account.owed + account.running + cap + floor)
      throw new PayError('uncovered', 'the channel does not hold what this may cost')
  }

  /** Jobs whose line broke and of which the proxy never heard: it pays for nothing that it did not get. */
  #writeOff(account: Account, booked: { rid: string; signed: Nanoton; total: Nanoton }[], total: Nanoton): void {
    const before = this.#options.clock.now() - writtenOffMs
    for (const [rid, { amount, lost, at }] of account.unsigned) {
      if (!lost || at > before) continue
      account.unsigned.delete(rid)
      account.owed = subtractToZero(account.owed, amount)
      booked.push({ rid, signed: zero, total })
    }
  }

  #verify({ payerKey, address }: Account, ceiling: Nanoton, signature: Buffer): void {
    try {
      verifyAuthorization(payerKey, { chain: this.#options.offer.chain, channel: address, ceiling }, signature)
    } catch (cause) {
      throw new PayError('bad-signature', messageOf(cause), { cause })
    }
  }

  async #read(address: Address): Promise<ChannelState | undefined> {
    try {
      return await this.#options.readChannel(address)
    } catch (cause) {
      throw new PayError('chain-failed', `the chain was not read: ${messageOf(cause)}`, { cause })
    }
  }

  #account(channel: Address): Account {
    return this.#accountAt(keyOf(channel))
  }

  #accountAt(key: string): Account {
    const account = this.#accounts.get(key)
    if (!account) throw new PayError('unknown-channel', 'this channel was not brought here')
    return account
  }
}

/** What `usage` earns by a worker's own offer: nanoTON, rounded up once; what the offer has no price for earns nothing. */
export function earningOf(usage: Usage, offer: Price): Nanoton {
  const { images = '0', characters = '0', seconds = '0' } = offer
  return nanoton(costOf(usage, { ...offer, images, characters, seconds }))
}

function openAccount(kept: Omit<Account, 'key' | 'unsigned' | 'owed' | 'running'>): Account {
  return { ...kept, key: keyOf(kept.address), unsigned: new Map(), owed: zero, running: zero }
}

function sum({ unsigned }: Account, short: Nanoton): Nanoton {
  return [...unsigned.values()].reduce((total, { amount }) => add(total, amount), short)
}

/** The statement of a channel: each payment, and what it is for, over all before. */
function nextRoot(root: Buffer, ceiling: Nanoton, jobs: Payment['jobs']): Buffer {
  const entry = JSON.stringify([ceiling.toString(), jobs.map(([rid, paid]) => [rid, paid.toString()])])
  return sha256(utf8('chrysalis earnings v1\n'), root, utf8(entry))
}

function keyOf(address: Address): string {
  return address.toRawString()
}

function derive(terms: Terms, payerKey: Buffer, payeeKey: Buffer): Address {
  try {
    refuseTorsion(payerKey)
    return channelAddress(terms, payerKey, payeeKey)
  } catch (cause) {
    if (cause instanceof ChannelError) throw new PayError('not-offered', cause.message, { cause })
    throw cause
  }
}
