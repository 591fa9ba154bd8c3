/**
 * Who owes what. Every decision is made in memory, at once, on the account's state; every change is queued for the store in
 * the same turn, so what is durable is always a prefix of what was decided. A restart builds the same state again.
 */
import { LRUCache } from 'lru-cache'
import { equalBytes, sha256 } from '../lib/bytes.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { type Nanoton, subtract } from '../lib/nanoton.ts'
import { type Account, authorise, available, type ChannelStatus, emptyAccount, noteChain, post, release, reserve, stop } from './account.ts'
import { LedgerError } from './errors.ts'
import { type KeyRecord, type Keys, type KeyView, writeLimits } from './keys.ts'
import { amount, bytes, emptyHead, type Head, type Rebuilt, rebuild } from './rebuild.ts'
import {
  type AccountView,
  type AuthorisationRecord,
  type ChannelRecord,
  type Claimable,
  type EvidenceRecord,
  isUsed,
  type PostRecord,
  type ReleaseRecord,
  type RequestRecord,
  type StatementPage,
} from './records.ts'
import type { Write } from './schema.ts'
import { entryHash } from './statement.ts'
import { GroupCommit, openSqlite, type Store } from './store.ts'

const recentCount = 100
const rememberedPosts = 100_000
const sweepMs = 15_000

/** What a reservation asks for. */
export interface ReservationRequest {
  readonly rid: string
  readonly channel: string
  readonly amount: Nanoton
  /** When it is voided by itself, ms. */
  readonly expiresAt: number
  /** The hash of the API key that asks, whose own limits it must fit too. */
  readonly key?: string | undefined
}

interface Reservation {
  readonly channel: string
  readonly amount: Nanoton
  readonly expiresAt: number
  readonly once: string | undefined
  readonly key: string | undefined
}

interface Posted {
  readonly channel: string
  readonly cost: Nanoton
  readonly receiptHash: Buffer
  readonly durable: Promise<void>
}

export interface LedgerOptions {
  /** The store's file, made where it is not there. */
  readonly file: string
  readonly clock: Clock
  /** Called once when a write fails; from then on nothing new is reserved. */
  readonly onFailure?: (error: unknown) => void
  /** Another store in place of SQLite. */
  readonly store?: Store
  /** For how long a channel is reserved on after {@link Ledger.noteChain} heard of it last, ms; without end where nothing is said. */
  readonly mostUnreadMs?: number
}

/** Opens a ledger: rebuilds its state, checks it, voids what a dead process had reserved. Throws {@link LedgerError} `locked`, `corrupt` or `not-durable`. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const store = options.store ?? (await openSqlite(options.file))
  try {
    const ledger = new Ledger(
      store,
      await rebuild(store, { recent: recentCount, posted: rememberedPosts, now: options.clock.now() }),
      options,
    )
    await ledger.flushed()
    return ledger
  } catch (error) {
    await store.close()
    throw error
  }
}

export class Ledger {
  readonly #store: Store
  readonly #commit: GroupCommit
  readonly #clock: Clock
  readonly #accounts: Map<string, Account>
  readonly #authorisations: Map<string, AuthorisationRecord>
  readonly #keys: Keys
  readonly #releases: Map<string, ReleaseRecord>
  readonly #payerKeys: Map<string, Uint8Array>
  /** Newest statement entry: decided, and known to be durable. */
  readonly #heads: Map<string, Head>
  readonly #durableHeads: Map<string, Head>
  readonly #reservations = new Map<string, Reservation>()
  /** What may be charged once and is looked up, reserved, or posted but not durable: the store does not know it yet. */
  readonly #once = new Set<string>()
  readonly #posted = new LRUCache<string, Posted>({ max: rememberedPosts })
  /** Receipts on their way to the store. */
  readonly #undurable = new Map<string, { receipt: Buffer; cost: Nanoton; channel: string }>()
  readonly #mostUnreadMs: number
  readonly #openedAt: number
  /** When the chain was last read for a channel in this process, for what was known before a restart may be old; and how long that counts. */
  readonly #read = new Map<string, { readonly at: number; readonly until: number }>()
  readonly #evidence = new LRUCache<string, true>({ max: 1_024 })
  #recent: RequestRecord[]
  #transferSeq: bigint
  #sweep: Timer | undefined

  constructor(store: Store, state: Rebuilt, options: Pick<LedgerOptions, 'clock' | 'onFailure' | 'mostUnreadMs'>) {
    this.#store = store
    this.#commit = new GroupCommit(store, options.onFailure ?? (() => {}))
    this.#clock = options.clock
    this.#openedAt = options.clock.now()
    this.#mostUnreadMs = options.mostUnreadMs ?? Number.POSITIVE_INFINITY
    this.#accounts = state.accounts
    this.#authorisations = state.authorisations
    this.#keys = state.keys
    this.#releases = state.releases
    this.#payerKeys = state.payerKeys
    this.#heads = new Map(state.heads)
    this.#durableHeads = new Map(state.heads)
    this.#recent = state.recent
    this.#transferSeq = state.lastTransfer
    for (const { rid, ...post } of state.posted) this.#posted.set(rid, { ...post, durable: Promise.resolve() })
    for (const { rid, channel, amount: reserved } of state.dead) this.#write([this.#transfer(rid, 'void', channel, reserved)])
    this.#scheduleSweep()
  }

  /** Whether every write was taken so far. */
  get healthy(): boolean {
    return this.#commit.healthy
  }

  /** Records a channel; one that is known stays as it is. Durable when fulfilled. */
  async openChannel(record: ChannelRecord): Promise<void> {
    if (this.#accounts.has(record.address)) return
    await this.#commit.write([['openChannel', record.address, record.terms, record.payerKey, record.payeeKeyId, this.#clock.now()]])
    if (this.#accounts.has(record.address)) return
    this.#accounts.set(record.address, emptyAccount(record.address))
    this.#payerKeys.set(record.address, record.payerKey)
  }

  /** The raw key of a channel's payer; undefined for a channel that is not known. */
  payerKey(address: string): Uint8Array | undefined {
    return this.#payerKeys.get(address)
  }

  /** Every known channel and its state on the chain. */
  channels(): { address: string; status: ChannelStatus }[] {
    return Array.from(this.#accounts.values(), ({ channel: address, status }) => ({ address, status }))
  }

  /**
   * Takes what the chain shows of a channel now. Old answers change nothing but when it was read. `mostUnreadMs` is for this channel, where it
   * is less than {@link LedgerOptions.mostUnreadMs}. Throws `unknown-channel`.
   */
  noteChain(address: string, seen: { status: ChannelStatus; deposited: Nanoton; settled: Nanoton; mostUnreadMs?: number }): void {
    const before = this.#account(address)
    const after = noteChain(before, seen)
    const changed = after.status !== before.status || after.deposited !== before.deposited || after.settled !== before.settled
    this.#accounts.set(address, after)
    const at = this.#clock.now()
    this.#read.set(address, { at, until: at + Math.min(this.#mostUnreadMs, seen.mostUnreadMs ?? Number.POSITIVE_INFINITY) })
    if (changed) this.#write([['noteChain', address, after.status, after.deposited, after.settled]])
  }

  /** When the chain was last read for any channel, ms; undefined where a channel was read within {@link LedgerOptions.mostUnreadMs}, or none is known. */
  unreadSince(): number | undefined {
    if (this.#accounts.size === 0) return undefined
    const newest = this.#read.values().reduce((latest, { at }) => Math.max(latest, at), this.#openedAt)
    return this.#clock.now() - newest > this.#mostUnreadMs ? newest : undefined
  }

  /** Takes a signed ceiling, which counts once it is durable. A lower one than the highest changes nothing. Throws `unknown-channel`. */
  async authorise(address: string, record: AuthorisationRecord): Promise<void> {
    if (record.ceiling <= this.#account(address).ceiling) return
    await this.#commit.write([['authorise', address, record.ceiling, record.signature, this.#clock.now()]])
    const account = this.#account(address)
    if (record.ceiling <= account.ceiling) return
    this.#accounts.set(address, authorise(account, record.ceiling))
    this.#authorisations.set(address, record)
  }

  /** Records an API key. Durable when fulfilled. Throws `unknown-channel`. */
  async addKey(record: KeyRecord): Promise<void> {
    this.#account(record.channel)
    const { hash, channel, label = null, createdAt, limits } = record
    await this.#commit.write([
      ['addKey', hash, channel, label, createdAt],
      ...(limits ? [['limitKey', hash, writeLimits(limits)] as const] : []),
    ])
    this.#keys.add(record)
  }

  findKey(hash: string): KeyRecord | undefined {
    return this.#keys.find(hash)
  }

  /** The keys of a channel, oldest first, with what each has spent. */
  keysOf(channel: string): KeyView[] {
    return this.#keys.of(channel)
  }

  /** Ends the key of `channel` that is called `id`: at once, and durably when fulfilled. Undefined where there is none; one that has ended keeps its time. */
  async revokeKey(channel: string, id: string): Promise<KeyRecord | undefined> {
    const named = this.#keys.named(channel, id)
    if (!named) return undefined
    const ended = this.#keys.revoke(named.hash, this.#clock.now())!
    await this.#commit.write([['revokeKey', ended.hash, ended.revokedAt!]])
    return ended
  }

  /** Ends all reserving on a channel: at once, and durably when fulfilled. What is reserved runs to its end. Throws `unknown-channel`. */
  async stop(channel: string): Promise<void> {
    this.#accounts.set(channel, stop(this.#account(channel)))
    await this.#commit.write([['stop', channel, this.#clock.now()]])
  }

  /** How many reservations a channel has. */
  runningOn(channel: string): number {
    return this.#reservations.values().reduce((count, reservation) => count + (reservation.channel === channel ? 1 : 0), 0)
  }

  /** The leave to close that was given for a channel. */
  releaseOf(channel: string): ReleaseRecord | undefined {
    return this.#releases.get(channel)
  }

  /** Keeps a leave to close before it is given, and returns the one that counts: the first. Throws `channel-not-open` for a channel that was not stopped. */
  async noteRelease(channel: string, record: ReleaseRecord): Promise<ReleaseRecord> {
    const given = this.#releases.get(channel)
    if (given) return given
    if (!this.#account(channel).stopped) throw new LedgerError('channel-not-open', 'a channel is released only after it was stopped')
    this.#releases.set(channel, record)
    await this.#commit.write([['release', channel, record.minSettled, record.signature, this.#clock.now()]])
    return record
  }

  /**
   * Sets the worst case of a request aside until it is posted, voided, or `expiresAt` (ms) passes.
   * Throws `insufficient-funds`, `channel-not-open`, `chain-unread`, `unknown-channel`, `duplicate-rid` or `unavailable`; then nothing is reserved.
   */
  reserve(request: ReservationRequest): void {
    this.#reserve(request, undefined)
  }

  /**
   * The same for a request that may be charged once: `once` is a digest of what the caller named it. It counts as used from
   * now until the reservation is voided, and for good, over restarts too, when a charge was posted. Rejects also with `already-used`.
   */
  async reserveOnce(request: ReservationRequest, once: string): Promise<void> {
    if (this.#once.has(once)) throw alreadyUsed()
    this.#once.add(once)
    try {
      const [row] = await this.#store.query('once', once)
      if (row) throw alreadyUsed()
      this.#reserve(request, once)
    } catch (error) {
      this.#once.delete(once)
      throw error
    }
  }

  #reserve(request: ReservationRequest, once: string | undefined): void {
    const { rid, channel, expiresAt } = request
    if (!this.healthy) throw new LedgerError('unavailable', 'the ledger cannot write')
    if (this.#reservations.has(rid) || this.#posted.has(rid)) throw new LedgerError('duplicate-rid', 'this request id was used before')
    const account = reserve(this.#account(channel), request.amount)
    if (this.#isUnread(channel)) throw new LedgerError('chain-unread', 'the chain was not read for this channel for too long')
    if (request.key !== undefined) this.#keys.reserve(request.key, request.amount, this.#clock.now())
    this.#accounts.set(channel, account)
    this.#reservations.set(rid, { channel, amount: request.amount, expiresAt, once, key: request.key })
    this.#write([this.#transfer(rid, 'reserve', channel, request.amount)])
  }

  #isUnread(channel: string): boolean {
    const read = this.#read.get(channel)
    return read ? this.#clock.now() > read.until : this.#mostUnreadMs < Number.POSITIVE_INFINITY
  }

  /**
   * Debits the exact cost and frees the rest, visible at once; the promise says when it is durable. The same post again is
   * the same post. Rejects with `no-reservation`, `above-reservation` or `conflict`, and then nothing was debited.
   */
  post(record: PostRecord): Promise<void> {
    try {
      return this.#postNow(record)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #postNow(record: PostRecord): Promise<void> {
    const { rid, cost } = record
    const receipt = Buffer.from(record.receipt)
    const receiptHash = sha256(receipt)
    const before = this.#posted.get(rid)
    if (before) {
      if (before.cost !== cost || !equalBytes(before.receiptHash, receiptHash))
        throw new LedgerError('conflict', 'this request was posted already, with another receipt')
      return before.durable
    }
    const reservation = this.#reservations.get(rid)
    if (!reservation) throw new LedgerError('no-reservation', 'nothing is reserved for this request')
    const { channel, once, key } = reservation
    const account = post(this.#account(channel), reservation.amount, cost)
    const head = this.#nextHead(channel, { rid, receiptHash, cost, spent: account.spent })
    this.#accounts.set(channel, account)
    this.#heads.set(channel, head.head)
    this.#reservations.delete(rid)

    const at = this.#clock.now()
    if (key !== undefined) this.#keys.post(key, reservation.amount, cost, at)
    const { model, worker, evidence, usage, finish } = record
    this.#undurable.set(rid, { receipt, cost, channel })
    this.#recent = [{ rid, channel, cost, model, worker, evidence, usage, finish, at }, ...this.#recent.slice(0, recentCount - 1)]
    const used = once !== undefined && isUsed(record)
    const durable = this.#commit.write([
      this.#transfer(rid, 'post', channel, cost),
      this.#transfer(rid, 'void', channel, subtract(reservation.amount, cost)),
      head.write,
      ['receipt', rid, channel, receipt, cost, model, worker, evidence, JSON.stringify(usage), finish, at, key ?? null],
      ...(used ? [['once', once, rid, at] as const] : []),
    ])
    // What was not used is free at once, and may be another request's when this is durable; what was used, once the store knows it.
    if (once !== undefined && !used) this.#once.delete(once)
    this.#posted.set(rid, { channel, cost, receiptHash, durable })
    return durable.then(() => {
      this.#undurable.delete(rid)
      if (used) this.#once.delete(once)
      this.#durableHeads.set(channel, head.head)
    })
  }

  #nextHead(channel: string, posted: { rid: string; receiptHash: Buffer; cost: Nanoton; spent: Nanoton }): { head: Head; write: Write } {
    const last = this.#heads.get(channel) ?? emptyHead
    const entry = { seq: last.seq + 1, prev: last.hash, ...posted }
    const hash = entryHash(entry)
    const write: Write = [
      'entry',
      channel,
      entry.seq,
      entry.rid,
      entry.receiptHash,
      entry.cost,
      entry.spent,
      entry.prev,
      hash,
      this.#clock.now(),
    ]
    return { head: { seq: entry.seq, hash, spent: posted.spent }, write }
  }

  /** Frees a reservation whole. One that is not there any more is left as it is. */
  void(rid: string): void {
    const reservation = this.#reservations.get(rid)
    if (!reservation) return
    this.#reservations.delete(rid)
    if (reservation.once !== undefined) this.#once.delete(reservation.once)
    if (reservation.key !== undefined) this.#keys.release(reservation.key, reservation.amount)
    this.#accounts.set(reservation.channel, release(this.#account(reservation.channel), reservation.amount))
    this.#write([this.#transfer(rid, 'void', reservation.channel, reservation.amount)])
  }

  /** Keeps what a receipt was signed under beside the receipts. */
  storeEvidence(record: EvidenceRecord): void {
    if (this.#evidence.has(record.digest)) return
    this.#evidence.set(record.digest, true)
    this.#write([['evidence', record.digest, record.keyset, record.quote, record.at]])
  }

  account(address: string): AccountView | undefined {
    const account = this.#accounts.get(address)
    if (!account) return undefined
    const { channel, status, stopped, deposited, settled, spent, reserved, ceiling } = account
    return { channel, status, stopped, deposited, authorised: ceiling, settled, spent, reserved, available: available(account) }
  }

  /** The worker-signed bytes a charge rests on; undefined where there is no such charge. */
  async receipt(rid: string): Promise<{ receipt: Buffer; cost: Nanoton; channel: string } | undefined> {
    const fresh = this.#undurable.get(rid)
    if (fresh) return fresh
    const [row] = await this.#store.query('receipt', rid)
    return row && { receipt: Buffer.from(bytes(row.payload)), cost: amount(row.cost), channel: String(row.channel) }
  }

  /** Up to `count` durable entries of a channel's statement after entry `after`, with what each rests on. */
  async statement(channel: string, after: number, count: number): Promise<StatementPage> {
    // The head first: what is appended while the page is read is not on it, and neither is its hash.
    const { seq: last, hash: root, spent } = this.#durableHeads.get(channel) ?? emptyHead
    const rows = await this.#store.query('page', channel, after, count)
    const entries = rows.map(row => ({
      ...{
        seq: Number(row.seq),
        rid: String(row.rid),
        receiptHash: bytes(row.receipt_hash),
        cost: amount(row.cost),
        spent: amount(row.spent),
      },
      ...{ prev: bytes(row.prev), hash: bytes(row.hash), at: Number(row.at), receipt: bytes(row.payload) },
      ...{ model: String(row.model), worker: String(row.worker), evidence: String(row.evidence) },
    }))
    return { entries: entries.filter(({ seq }) => seq <= last), root, spent }
  }

  /** What a receipt of `channel` was signed under; undefined where no such evidence has served it. */
  async evidence(digest: string, channel: string): Promise<EvidenceRecord | undefined> {
    const [row] = await this.#store.query('evidence', digest, channel)
    return row && { digest, keyset: bytes(row.keyset), quote: bytes(row.quote), at: Number(row.at) }
  }

  /** The last charged requests, newest first. */
  recent(count: number): RequestRecord[] {
    return this.#recent.slice(0, count)
  }

  /** What may be claimed now: only what is durable. Undefined for an unknown channel. */
  claimable(address: string): Claimable | undefined {
    const account = this.#accounts.get(address)
    if (!account) return undefined
    const head = this.#durableHeads.get(address) ?? emptyHead
    return { spent: head.spent, settled: account.settled, root: head.hash, authorisation: this.#authorisations.get(address) }
  }

  /** Keeps a signed claim before it is sent, so that a restart never charges below it. Durable when fulfilled. */
  async noteClaim(address: string, claim: { amount: Nanoton; root: Uint8Array; claimSignature: Uint8Array }): Promise<void> {
    await this.#commit.write([['claim', address, claim.amount, claim.root, claim.claimSignature, this.#clock.now()]])
  }

  /** Fulfilled when everything decided so far is on disk. */
  async flushed(): Promise<void> {
    await this.#commit.drained()
  }

  /** Writes what is queued and closes the store. Reservations that are still open are voided at the next start. */
  async close(): Promise<void> {
    this.#sweep?.cancel()
    await this.#commit.drained()
    await this.#store.close()
  }

  #account(channel: string): Account {
    const account = this.#accounts.get(channel)
    if (!account) throw new LedgerError('unknown-channel', 'this channel is not known')
    return account
  }

  /** Double entry: a reservation moves money from the channel to what is set aside, a post from there to revenue, a void back. */
  #transfer(rid: string, kind: 'reserve' | 'post' | 'void', channel: string, moved: Nanoton): Write {
    this.#transferSeq += 1n
    const free = `channel:${channel}`
    const aside = `reserved:${channel}`
    const [debit, credit] = kind === 'reserve' ? [free, aside] : kind === 'post' ? [aside, `revenue:${channel}`] : [aside, free]
    return ['transfer', this.#transferSeq, rid, kind, channel, debit, credit, moved, this.#clock.now()]
  }

  /** Queues writes that nobody waits for; a failure reaches `onFailure`. */
  #write(writes: readonly Write[]): void {
    this.#commit.write(writes).catch(() => {})
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(sweepMs, () => {
      const now = this.#clock.now()
      for (const [rid, { expiresAt }] of this.#reservations) if (expiresAt <= now) this.void(rid)
      this.#scheduleSweep()
    })
  }
}

function alreadyUsed(): LedgerError {
  return new LedgerError('already-used', 'this was charged before, or is about to be')
}
