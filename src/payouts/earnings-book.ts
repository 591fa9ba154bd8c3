/** What a worker has earned: its channels, its jobs, and what of them is signed for. Counts and amounts only. */
import type { Clock } from '../lib/clock.ts'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'
import type { ChannelStatus } from '../payment-channel/index.ts'
import { BookFile, type Row } from './book-file.ts'

const schema = `
CREATE TABLE IF NOT EXISTS channel (address TEXT PRIMARY KEY, terms TEXT NOT NULL, payer_key BLOB NOT NULL, mark_key BLOB NOT NULL, ceiling INTEGER NOT NULL, signature BLOB,
  root BLOB NOT NULL, status INTEGER NOT NULL, deposited INTEGER NOT NULL, settled INTEGER NOT NULL, brought_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS job (rid TEXT PRIMARY KEY, channel TEXT NOT NULL, at INTEGER NOT NULL, model TEXT NOT NULL, usage TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0), finish TEXT NOT NULL, signed INTEGER, total INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS job_at ON job (at);
CREATE INDEX IF NOT EXISTS job_unsigned ON job (channel) WHERE signed IS NULL;
`

/** A channel as the book keeps it. */
export interface EarningChannel {
  readonly address: string
  /** In JSON. */
  readonly terms: string
  readonly payerKey: Buffer
  /** The payer's part of the secret that marks requests. */
  readonly markKey: Buffer
  /** The highest ceiling that was signed, its signature, and the hash over all that it pays for. */
  readonly ceiling: Nanoton
  readonly signature: Buffer | null
  readonly root: Buffer
  readonly status: ChannelStatus
  readonly deposited: Nanoton
  readonly settled: Nanoton
}

/** One job. */
export interface EarningJob {
  readonly rid: string
  readonly channel: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly model: string
  /** In JSON. */
  readonly usage: string
  readonly amount: Nanoton
  /** `lost`: the line broke, and the proxy pays by the last checkpoint that it got. */
  readonly finish: string
  /** What was signed for it; undefined while nothing was. */
  readonly signed?: Nanoton | undefined
  /** The ceiling that covers it. */
  readonly total?: Nanoton | undefined
}

/** What a payment changes. */
export interface BookedPayment {
  readonly channel: string
  readonly ceiling: Nanoton
  readonly signature: Buffer
  readonly root: Buffer
  readonly jobs: readonly { readonly rid: string; readonly signed: Nanoton; readonly total: Nanoton }[]
}

export class EarningsBook {
  readonly #file: BookFile

  /** Opens the book in `file`; also beside the worker that writes it, to look at it. */
  constructor(file: string, clock: Clock) {
    this.#file = new BookFile(file, schema, clock)
  }

  channels(): EarningChannel[] {
    return this.#file.rows('SELECT * FROM channel ORDER BY brought_at, address').map(row => ({
      address: String(row.address),
      terms: String(row.terms),
      payerKey: bytes(row.payer_key),
      markKey: bytes(row.mark_key),
      ceiling: money(row.ceiling),
      signature: row.signature === null ? null : bytes(row.signature),
      root: bytes(row.root),
      status: Number(row.status) as ChannelStatus,
      deposited: money(row.deposited),
      settled: money(row.settled),
    }))
  }

  addChannel(channel: Omit<EarningChannel, 'ceiling' | 'signature'>, at: number): void {
    const { address, terms, payerKey, markKey, root, status, deposited, settled } = channel
    this.#file.write(
      'INSERT INTO channel (address, terms, payer_key, mark_key, ceiling, root, status, deposited, settled, brought_at) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?)',
      ...[address, terms, payerKey, markKey, root, status, deposited, settled, at],
    )
  }

  noteMarkKey(address: string, markKey: Uint8Array): void {
    this.#file.write('UPDATE channel SET mark_key = ? WHERE address = ?', markKey, address)
  }

  noteChain({ address, status, deposited, settled }: Pick<EarningChannel, 'address' | 'status' | 'deposited' | 'settled'>): void {
    this.#file.write('UPDATE channel SET status = ?, deposited = ?, settled = ? WHERE address = ?', status, deposited, settled, address)
  }

  addJob({ rid, channel, at, model, usage, amount, finish }: EarningJob): void {
    this.#file.write(
      'INSERT INTO job (rid, channel, at, model, usage, amount, finish) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (rid) DO NOTHING',
      ...[rid, channel, at, model, usage, amount, finish],
    )
  }

  /** Books a payment; it is on disk when this returns. */
  pay({ channel, ceiling, signature, root, jobs }: BookedPayment): void {
    this.#file.write('UPDATE channel SET ceiling = ?, signature = ?, root = ? WHERE address = ?', ceiling, signature, root, channel)
    for (const { rid, ...paid } of jobs) this.sign(rid, paid)
    this.#file.commit()
  }

  /** Books what was signed for one job. */
  sign(rid: string, { signed, total }: { signed: Nanoton; total: Nanoton }): void {
    this.#file.write('UPDATE job SET signed = ?, total = ? WHERE rid = ?', signed, total, rid)
  }

  /** Jobs for which nothing was signed yet. */
  unsigned(channel: string): EarningJob[] {
    return this.#file.rows('SELECT * FROM job WHERE channel = ? AND signed IS NULL', channel).map(toJob)
  }

  /** What was signed for finished jobs less than they cost, all together. */
  short(channel: string): Nanoton {
    const [row] = this.#file.rows(
      "SELECT COALESCE(SUM(amount - signed), 0) AS short FROM job WHERE channel = ? AND signed < amount AND finish <> 'lost'",
      channel,
    )
    return money(row!.short)
  }

  /** The last jobs, newest first. */
  jobs(count: number): EarningJob[] {
    return this.#file.rows('SELECT * FROM job ORDER BY at DESC, rid LIMIT ?', count).map(toJob)
  }

  /** How many jobs there are, and what they earned. */
  totals(): { count: number; earned: Nanoton } {
    const [row] = this.#file.rows(
      "SELECT COUNT(*) AS jobs, COALESCE(SUM(CASE WHEN finish = 'lost' AND signed IS NOT NULL THEN signed ELSE amount END), 0) AS earned FROM job",
    )
    return { count: Number(row!.jobs), earned: money(row!.earned) }
  }

  commit(): void {
    this.#file.commit()
  }

  close(): void {
    this.#file.close()
  }
}

function toJob(row: Row): EarningJob {
  return {
    rid: String(row.rid),
    channel: String(row.channel),
    at: Number(row.at),
    model: String(row.model),
    usage: String(row.usage),
    amount: money(row.amount),
    finish: String(row.finish),
    signed: row.signed === null ? undefined : money(row.signed),
    total: row.total === null ? undefined : money(row.total),
  }
}

function money(value: Row[string] | undefined): Nanoton {
  return nanoton(BigInt(value as bigint))
}

function bytes(value: Row[string] | undefined): Buffer {
  return Buffer.from(value as Uint8Array)
}
