/** Building the state again from what is stored, and refusing a store that contradicts itself. */
import { equalBytes } from '../lib/bytes.ts'
import { larger, type Nanoton, nanoton, zero } from '../lib/nanoton.ts'
import { type Account, authorise, type ChannelStatus, emptyAccount, noteChain, stop } from './account.ts'
import { LedgerError } from './errors.ts'
import { dayOf, type KeyRecord, Keys, readLimits } from './keys.ts'
import type { AuthorisationRecord, ReleaseRecord, RequestRecord } from './records.ts'
import type { Row, Value } from './schema.ts'
import { emptyRoot, entryHash } from './statement.ts'
import type { Store } from './store.ts'

/** The newest entry of a channel's statement. */
export interface Head {
  readonly seq: number
  readonly hash: Buffer
  readonly spent: Nanoton
}

export const emptyHead: Head = { seq: 0, hash: emptyRoot, spent: zero }

/** A reservation that the last run left open. */
export interface DeadReservation {
  readonly rid: string
  readonly channel: string
  readonly amount: Nanoton
}

/** A charge of an earlier run. */
export interface EarlierPost {
  readonly rid: string
  readonly channel: string
  readonly cost: Nanoton
  readonly receiptHash: Buffer
}

export interface Rebuilt {
  readonly accounts: Map<string, Account>
  readonly payerKeys: Map<string, Uint8Array>
  readonly heads: Map<string, Head>
  readonly authorisations: Map<string, AuthorisationRecord>
  readonly keys: Keys
  readonly releases: Map<string, ReleaseRecord>
  readonly recent: RequestRecord[]
  /** The newest posts, oldest first: their ids are used for good. */
  readonly posted: EarlierPost[]
  readonly dead: DeadReservation[]
  readonly lastTransfer: bigint
}

/** Reads the store. Throws {@link LedgerError} `corrupt` where transfers, statement and balances disagree. */
export async function rebuild(store: Store, keep: { recent: number; posted: number; now: number }): Promise<Rebuilt> {
  const heads = await readStatement(store)
  const accounts = new Map<string, Account>()
  const payerKeys = new Map<string, Uint8Array>()
  for (const row of await store.query('channels')) {
    accounts.set(text(row.address), emptyAccount(text(row.address)))
    payerKeys.set(text(row.address), bytes(row.payer_key))
  }
  const dead = await readDead(store)
  await checkBalances(store, heads, dead)
  await checkReceipts(store)
  for (const [channel, head] of heads) {
    if (!accounts.has(channel)) throw corrupt(`the statement names a channel ${channel} that was never opened`)
    accounts.set(channel, { ...accounts.get(channel)!, spent: head.spent })
  }
  const authorisations = new Map<string, AuthorisationRecord>()
  for (const row of await store.query('authorisations')) {
    const record = { ceiling: amount(row.ceiling), signature: bytes(row.signature) }
    authorisations.set(text(row.channel), record)
    update(accounts, text(row.channel), account => authorise(account, record.ceiling))
  }
  for (const row of await store.query('chainViews')) {
    const seen = { status: Number(row.status) as ChannelStatus, deposited: amount(row.deposited), settled: amount(row.settled) }
    update(accounts, text(row.address), account => noteChain(account, seen))
  }
  // Whoever restores an old backup must not charge twice for what was already claimed.
  for (const row of await store.query('claims'))
    update(accounts, text(row.channel), account => ({
      ...account,
      spent: larger(amount(row.amount), account.spent),
    }))
  for (const row of await store.query('stopped')) update(accounts, text(row.channel), stop)
  return {
    accounts,
    payerKeys,
    heads,
    authorisations,
    keys: await readKeys(store, keep.now),
    releases: await readReleases(store),
    recent: await readRecent(store, keep.recent),
    posted: await readPosted(store, keep.posted),
    dead,
    lastTransfer: (await store.query('lastTransfer'))[0]!.seq as bigint,
  }
}

function update(accounts: Map<string, Account>, channel: string, change: (account: Account) => Account): void {
  const account = accounts.get(channel)
  if (account) accounts.set(channel, change(account))
}

/** Every link of every chain, from the first entry on. */
async function readStatement(store: Store): Promise<Map<string, Head>> {
  const heads = new Map<string, Head>()
  for (const row of await store.query('statement')) {
    const channel = text(row.channel)
    const head = heads.get(channel) ?? emptyHead
    const entry = {
      seq: Number(row.seq),
      rid: text(row.rid),
      receiptHash: bytes(row.receipt_hash),
      cost: amount(row.cost),
      spent: amount(row.spent),
      prev: bytes(row.prev),
    }
    const hash = bytes(row.hash)
    if (entry.seq !== head.seq + 1 || !equalBytes(entry.prev, head.hash))
      throw corrupt(`entry ${entry.seq} of ${channel} does not follow the one before`)
    if (entry.spent < entry.cost || !equalBytes(entryHash(entry), hash)) throw corrupt(`entry ${entry.seq} of ${channel} was changed`)
    // `spent` may jump where the chain had paid more than a restored ledger knew, and never falls.
    if (entry.spent - entry.cost < head.spent) throw corrupt(`entry ${entry.seq} of ${channel} does not add up`)
    heads.set(channel, { seq: entry.seq, hash: Buffer.from(hash), spent: entry.spent })
  }
  return heads
}

/** The posted transfers of a channel are the costs in its statement, and what was reserved was posted, freed, or is still open. */
async function checkBalances(store: Store, heads: ReadonlyMap<string, Head>, dead: readonly DeadReservation[]): Promise<void> {
  const posted = new Map<string, bigint>()
  const aside = new Map<string, bigint>()
  const sum = (sums: Map<string, bigint>, channel: string, moved: bigint) => sums.set(channel, (sums.get(channel) ?? 0n) + moved)
  for (const row of await store.query('balances')) {
    const total = amount(row.total)
    if (row.kind === 'post') sum(posted, text(row.channel), total)
    sum(aside, text(row.channel), row.kind === 'reserve' ? total : -total)
  }
  const costs = new Map<string, bigint>()
  for (const row of await store.query('statement')) sum(costs, text(row.channel), amount(row.cost))
  for (const channel of new Set([...posted.keys(), ...costs.keys(), ...heads.keys()])) {
    if ((posted.get(channel) ?? 0n) !== (costs.get(channel) ?? 0n)) throw corrupt(`transfers and statement of ${channel} disagree`)
  }
  for (const { channel, amount: open } of dead) sum(aside, channel, -open)
  for (const [channel, left] of aside) if (left !== 0n) throw corrupt(`the reservations of ${channel} do not add up`)
}

/** Every entry's receipt is there, with the bytes that were charged for. */
async function checkReceipts(store: Store): Promise<void> {
  const [bad] = await store.query('badReceipt')
  if (bad) throw corrupt(`the receipt of entry ${bad.seq} of ${bad.channel} is missing or was changed`)
}

async function readKeys(store: Store, now: number): Promise<Keys> {
  const records = (await store.query('keys')).map(
    (row): KeyRecord => ({
      hash: text(row.hash),
      channel: text(row.channel),
      createdAt: Number(row.created_at),
      ...(row.label === null ? {} : { label: text(row.label) }),
      ...(row.limits === null ? {} : { limits: readLimits(text(row.limits)) }),
      ...(row.revoked_at === null ? {} : { revokedAt: Number(row.revoked_at) }),
    }),
  )
  const day = dayOf(now)
  const since = async (at: number) => new Map((await store.query('keySpending', at)).map(row => [text(row.key_hash), amount(row.spent)]))
  return new Keys(records, { spent: await since(0), spentToday: await since(day * 86_400_000), day })
}

async function readReleases(store: Store): Promise<Map<string, ReleaseRecord>> {
  const rows = await store.query('releases')
  return new Map(rows.map(row => [text(row.channel), { minSettled: amount(row.min_settled), signature: bytes(row.signature) }]))
}

async function readRecent(store: Store, count: number): Promise<RequestRecord[]> {
  return (await store.query('recent', count)).map(toRequest)
}

async function readPosted(store: Store, count: number): Promise<EarlierPost[]> {
  const rows = await store.query('posted', count)
  return rows
    .map(row => ({
      rid: text(row.rid),
      channel: text(row.channel),
      cost: amount(row.cost),
      receiptHash: Buffer.from(bytes(row.receipt_hash)),
    }))
    .reverse()
}

function toRequest(row: Row): RequestRecord {
  return {
    rid: text(row.rid),
    channel: text(row.channel),
    cost: amount(row.cost),
    model: text(row.model),
    worker: text(row.worker),
    evidence: text(row.evidence),
    usage: JSON.parse(text(row.usage)),
    finish: row.finish === null ? null : text(row.finish),
    at: Number(row.at),
  }
}

async function readDead(store: Store): Promise<DeadReservation[]> {
  return (await store.query('open')).map(row => ({ rid: text(row.rid), channel: text(row.channel), amount: amount(row.amount) }))
}

function text(value: Value | undefined): string {
  if (typeof value !== 'string') throw corrupt('a text is missing')
  return value
}

export function amount(value: Value | undefined): Nanoton {
  if (typeof value !== 'bigint') throw corrupt('an amount is missing')
  return nanoton(value)
}

export function bytes(value: Value | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw corrupt('bytes are missing')
  return value
}

function corrupt(what: string): LedgerError {
  return new LedgerError('corrupt', `the ledger contradicts itself: ${what}. Restore a backup.`)
}
