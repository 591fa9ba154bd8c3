/** What a proxy owes its workers: the channel to each, and what each request added to it. */
import type { Clock } from '../lib/clock.ts'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'
import type { ChannelStatus } from '../payment-channel/index.ts'
import { BookFile, type Row } from './book-file.ts'

const schema = `
CREATE TABLE IF NOT EXISTS channel (address TEXT PRIMARY KEY, worker TEXT NOT NULL, terms TEXT NOT NULL, payee_key BLOB NOT NULL, status INTEGER NOT NULL,
  deposited INTEGER NOT NULL, settled INTEGER NOT NULL, earned INTEGER NOT NULL, sent INTEGER NOT NULL, sent_seq INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS job (seq INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, rid TEXT NOT NULL, at INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0), total INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS job_channel ON job (channel, seq);
`

export interface OwingChannel {
  readonly address: string
  readonly worker: string
  /** In JSON. */
  readonly terms: string
  readonly payeeKey: Buffer
  readonly status: ChannelStatus
  readonly deposited: Nanoton
  readonly settled: Nanoton
  /** All that was ever earned on it, and up to what the worker is known to hold our signature. */
  readonly earned: Nanoton
  readonly sent: Nanoton
  readonly sentSeq: number
}

export interface OwingJob {
  readonly seq: number
  readonly rid: string
  readonly amount: Nanoton
  /** Of all jobs up to this one. */
  readonly total: Nanoton
}

export class OwingsBook {
  readonly #file: BookFile

  constructor(file: string, clock: Clock) {
    this.#file = new BookFile(file, schema, clock)
  }

  /** Every channel there ever was, oldest first. */
  channels(): OwingChannel[] {
    return this.#file.rows('SELECT * FROM channel ORDER BY at, address').map(row => ({
      address: String(row.address),
      worker: String(row.worker),
      terms: String(row.terms),
      payeeKey: Buffer.from(row.payee_key as Uint8Array),
      status: Number(row.status) as ChannelStatus,
      deposited: money(row.deposited),
      settled: money(row.settled),
      earned: money(row.earned),
      sent: money(row.sent),
      sentSeq: Number(row.sent_seq),
    }))
  }

  /** Keeps a channel before a coin is sent to it; on disk when this returns. */
  addChannel({ address, worker, terms, payeeKey, status }: OwingChannel, at: number): void {
    this.#file.write('INSERT INTO channel VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?)', address, worker, terms, payeeKey, status, at)
    this.#file.commit()
  }

  noteChain({ address, status, deposited, settled }: Pick<OwingChannel, 'address' | 'status' | 'deposited' | 'settled'>): void {
    this.#file.write('UPDATE channel SET status = ?, deposited = ?, settled = ? WHERE address = ?', status, deposited, settled, address)
  }

  /** Books a job and what is earned with it. */
  addJob(channel: string, { rid, amount, total }: Omit<OwingJob, 'seq'>, at: number): void {
    this.#file.write('INSERT INTO job (channel, rid, at, amount, total) VALUES (?, ?, ?, ?, ?)', channel, rid, at, amount, total)
    this.#file.write('UPDATE channel SET earned = ? WHERE address = ?', total, channel)
  }

  /** The next jobs after `seq`, at most `count`. On disk first: nothing is signed for that a crash could forget. */
  jobsAfter(channel: string, seq: number, count: number): OwingJob[] {
    this.#file.commit()
    return this.#file
      .rows('SELECT seq, rid, amount, total FROM job WHERE channel = ? AND seq > ? ORDER BY seq LIMIT ?', channel, seq, count)
      .map(row => ({ seq: Number(row.seq), rid: String(row.rid), amount: money(row.amount), total: money(row.total) }))
  }

  /** The last job that a ceiling covers; 0 where it covers none. */
  seqAt(channel: string, ceiling: Nanoton): number {
    const [row] = this.#file.rows('SELECT COALESCE(MAX(seq), 0) AS seq FROM job WHERE channel = ? AND total <= ?', channel, ceiling)
    return Number(row!.seq)
  }

  /** How many jobs there are after `seq`. */
  countAfter(channel: string, seq: number): number {
    return Number(this.#file.rows('SELECT COUNT(*) AS jobs FROM job WHERE channel = ? AND seq > ?', channel, seq)[0]!.jobs)
  }

  noteSent({ address, earned, sent, sentSeq }: Pick<OwingChannel, 'address' | 'earned' | 'sent' | 'sentSeq'>): void {
    this.#file.write('UPDATE channel SET earned = ?, sent = ?, sent_seq = ? WHERE address = ?', earned, sent, sentSeq, address)
  }

  close(): void {
    this.#file.close()
  }
}

function money(value: Row[string] | undefined): Nanoton {
  return nanoton(BigInt(value as bigint))
}
