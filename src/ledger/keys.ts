/**
 * API keys and what each may spend: pure memory beside the store. A key's limits bound the key, never the channel: what is
 * available is decided by the account as ever, and several keys draw on one channel.
 */
import { add, type Nanoton, parseNanoton, subtract, zero } from '../lib/nanoton.ts'
import { LedgerError } from './errors.ts'

/** What a key may do; what is left out is not bounded. */
export interface KeyLimits {
  /** In all, nanoTON. */
  readonly spend?: Nanoton | undefined
  /** From midnight to midnight UTC, nanoTON. */
  readonly perDay?: Nanoton | undefined
  /** The models it may use. */
  readonly models?: readonly string[] | undefined
  /** Unix seconds. */
  readonly expiresAt?: number | undefined
}

/** An API key: only its hash is kept. */
export interface KeyRecord {
  /** SHA-256 of the key, lowercase hex. */
  readonly hash: string
  readonly channel: string
  readonly label?: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly limits?: KeyLimits
  /** Milliseconds since the epoch, once it was revoked. */
  readonly revokedAt?: number
}

/** A key, for its owner. */
export interface KeyView extends KeyRecord {
  readonly id: string
  readonly spent: Nanoton
}

interface Entry {
  record: KeyRecord
  spent: Nanoton
  reserved: Nanoton
  /** Days since the epoch, and what was spent on that day. */
  day: number
  spentToday: Nanoton
}

const dayMs = 86_400_000

/** The day of a time (ms): days since the epoch, UTC. */
export function dayOf(at: number): number {
  return Math.floor(at / dayMs)
}

/** What a key is called where it must not be shown: of its hash, so that nobody can guess the key from it. */
export function keyId(hash: string): string {
  return `key_${hash.slice(0, 16)}`
}

/** What keys have spent, as the store adds it up. */
export interface KeySpending {
  readonly spent: ReadonlyMap<string, Nanoton>
  readonly spentToday: ReadonlyMap<string, Nanoton>
  readonly day: number
}

export class Keys {
  readonly #entries = new Map<string, Entry>()

  constructor(records: Iterable<KeyRecord>, { spent, spentToday, day }: KeySpending) {
    for (const record of records) {
      const { hash } = record
      const entry = { record, spent: spent.get(hash) ?? zero, reserved: zero, day, spentToday: spentToday.get(hash) ?? zero }
      this.#entries.set(hash, entry)
    }
  }

  find(hash: string): KeyRecord | undefined {
    return this.#entries.get(hash)?.record
  }

  /** The key of `channel` that is called `id`. */
  named(channel: string, id: string): KeyRecord | undefined {
    return this.of(channel).find(key => key.id === id)
  }

  /** The keys of a channel, oldest first. */
  of(channel: string): KeyView[] {
    return [...this.#entries.values()]
      .filter(({ record }) => record.channel === channel)
      .map(({ record, spent }) => ({ ...record, id: keyId(record.hash), spent }))
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  add(record: KeyRecord): void {
    this.#entries.set(record.hash, { record, spent: zero, reserved: zero, day: 0, spentToday: zero })
  }

  /** Ends a key, at once. One that has ended stays as it did. */
  revoke(hash: string, at: number): KeyRecord | undefined {
    const entry = this.#entries.get(hash)
    if (entry) entry.record = { revokedAt: at, ...entry.record }
    return entry?.record
  }

  /** Sets `amount` aside within the key's limits, at `now` (ms). Throws {@link LedgerError} `key-spent` or `key-spent-today`. */
  reserve(hash: string, amount: Nanoton, now: number): void {
    const entry = this.#entries.get(hash)
    if (!entry) return
    this.#turn(entry, now)
    const { spend, perDay } = entry.record.limits ?? {}
    const wanted = entry.reserved + amount
    if (spend !== undefined && entry.spent + wanted > spend)
      throw new LedgerError('key-spent', `the limit of ${spend} nanoTON of this key does not cover ${amount} more`)
    if (perDay !== undefined && entry.spentToday + wanted > perDay)
      throw new LedgerError('key-spent-today', `the limit of ${perDay} nanoTON a day of this key does not cover ${amount} more`)
    entry.reserved = add(entry.reserved, amount)
  }

  /** Turns `cost` of what was set aside into spending of the day of `now` and frees the rest. */
  post(hash: string, amount: Nanoton, cost: Nanoton, now: number): void {
    const entry = this.#entries.get(hash)
    if (!entry) return
    this.#turn(entry, now)
    entry.reserved = subtract(entry.reserved, amount)
    entry.spent = add(entry.spent, cost)
    entry.spentToday = add(entry.spentToday, cost)
  }

  release(hash: string, amount: Nanoton): void {
    const entry = this.#entries.get(hash)
    if (entry) entry.reserved = subtract(entry.reserved, amount)
  }

  #turn(entry: Entry, now: number): void {
    const day = dayOf(now)
    if (day === entry.day) return
    entry.day = day
    entry.spentToday = zero
  }
}

/** Limits as they are stored: JSON with amounts in decimal strings. */
export function writeLimits({ spend, perDay, models, expiresAt }: KeyLimits): string {
  return JSON.stringify({ spend: spend?.toString(), perDay: perDay?.toString(), models, expiresAt })
}

interface StoredLimits extends Pick<KeyLimits, 'models' | 'expiresAt'> {
  readonly spend?: string
  readonly perDay?: string
}

/** Reads what {@link writeLimits} wrote. */
export function readLimits(text: string): KeyLimits {
  const { spend, perDay, models, expiresAt } = JSON.parse(text) as StoredLimits
  return {
    ...(spend === undefined ? {} : { spend: parseNanoton(spend) }),
    ...(perDay === undefined ? {} : { perDay: parseNanoton(perDay) }),
    ...(models === undefined ? {} : { models }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}
