/** One channel from a proxy to a worker, as the proxy's memory has it: what is earned, set aside, and signed for. Pure but for its book. */
import type { Address } from '@ton/core'
import type { Clock } from '../lib/clock.ts'
import { add, larger, type Nanoton, smaller, subtract, zero } from '../lib/nanoton.ts'
import { type ChannelState, channelAddress, channelStatus, type Terms } from '../payment-channel/index.ts'
import type { OwingChannel, OwingJob, OwingsBook } from './owings-book.ts'
import { mostJobs, parseWireTerms } from './wire.ts'

/** What a request earned, told once it ended. */
export interface Earned {
  readonly rid: string
  readonly amount: Nanoton
}

export class AccountWithWorker {
  readonly address: Address
  readonly terms: Terms
  readonly payeeKey: Buffer
  readonly worker: string
  /** The raw address. */
  readonly key: string
  readonly #book: OwingsBook
  readonly #clock: Clock
  status: ChannelState['status']
  deposited: Nanoton
  settled: Nanoton
  earned: Nanoton
  sent: Nanoton
  reserved: Nanoton = zero
  #sentSeq: number
  /** Jobs that the worker was not told of. */
  #pending: number

  constructor(kept: OwingChannel, payerKey: Uint8Array, book: OwingsBook, clock: Clock) {
    this.terms = parseWireTerms(kept.terms)
    this.payeeKey = kept.payeeKey
    this.worker = kept.worker
    this.address = channelAddress(this.terms, payerKey, kept.payeeKey)
    this.key = kept.address
    this.#book = book
    this.#clock = clock
    this.status = kept.status
    this.deposited = kept.deposited
    this.settled = kept.settled
    this.earned = kept.earned
    this.sent = kept.sent
    this.#sentSeq = kept.sentSeq
    this.#pending = book.countAfter(kept.address, kept.sentSeq)
  }

  /** What is neither earned nor set aside. */
  get free(): bigint {
    return this.deposited - this.earned - this.reserved
  }

  get isOpen(): boolean {
    return this.status === channelStatus.open
  }

  /** Whether the worker does not hold our signature for everything yet. */
  get isBehind(): boolean {
    return this.sent < this.earned || this.#pending > 0
  }

  /** Sets aside what a request may earn, where that and the worker's floor are there. */
  reserve(cap: Nanoton, floor: Nanoton): boolean {
    if (!this.isOpen || this.free < cap + floor) return false
    this.reserved = add(this.reserved, cap)
    return true
  }

  /** Frees what was set aside and books what was earned, which is never above it. */
  end(cap: Nanoton, job: Earned | undefined): void {
    this.reserved = subtract(this.reserved, cap)
    if (!job) return
    const amount = smaller(job.amount, cap)
    this.earned = add(this.earned, amount)
    this.#book.addJob(this.key, { rid: job.rid, amount, total: this.earned }, this.#clock.now())
    this.#pending += 1
  }

  /** The next jobs to sign for, and the ceiling that covers them. */
  next(): { ceiling: Nanoton; jobs: readonly OwingJob[] } {
    const jobs = this.#book.jobsAfter(this.key, this.#sentSeq, mostJobs)
    const isAll = jobs.length < mostJobs
    return { ceiling: isAll ? this.earned : larger(this.sent, jobs.at(-1)!.total), jobs }
  }

  /** The worker holds our signature up to `ceiling`, and knows the jobs up to `last` where that is told. */
  held(ceiling: Nanoton, last: OwingJob | undefined): void {
    this.sent = ceiling
    // What is signed for was earned, whatever a restored book says.
    this.earned = larger(this.earned, ceiling)
    this.#sentSeq = last?.seq ?? this.#book.seqAt(this.key, ceiling)
    this.#pending = this.#book.countAfter(this.key, this.#sentSeq)
    this.#book.noteSent({ address: this.key, earned: this.earned, sent: this.sent, sentSeq: this.#sentSeq })
  }

  /** Takes what the chain shows. Old answers change nothing. */
  note({ status, deposited, settled }: Pick<ChannelState, 'status' | 'deposited' | 'settled'>): void {
    if (status < this.status || deposited < this.deposited || settled < this.settled) return
    Object.assign(this, { status, deposited, settled })
    this.#book.noteChain({ address: this.key, status, deposited, settled })
  }
}
