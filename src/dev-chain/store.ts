/**
 * What the chain keeps: every account as of every block, transactions, the ends of messages, what is under way. SQLite, synced at
 * every commit, so what was answered survives a kill.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { messageOf } from '../lib/coded-error.ts'
import type { Delivery, Waiting } from './delivery.ts'

const schemaVersion = 2
const schema = `
  CREATE TABLE block (seqno INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, interval_ms INTEGER NOT NULL, start_lt INTEGER NOT NULL, end_lt INTEGER NOT NULL, digest TEXT NOT NULL);
  CREATE TABLE account (address TEXT NOT NULL, seqno INTEGER NOT NULL, shard_account TEXT NOT NULL, PRIMARY KEY (address, seqno)) WITHOUT ROWID;
  CREATE TABLE tx (lt INTEGER PRIMARY KEY, address TEXT NOT NULL, hash TEXT NOT NULL, data TEXT NOT NULL, utime INTEGER NOT NULL, seqno INTEGER NOT NULL);
  CREATE INDEX tx_address ON tx (address, lt);
  CREATE INDEX tx_seqno ON tx (seqno);
  CREATE TABLE message (source TEXT NOT NULL, destination TEXT NOT NULL, created_lt TEXT NOT NULL, source_lt INTEGER, result_lt INTEGER, PRIMARY KEY (source, destination, created_lt));
  CREATE TABLE waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL, boc TEXT NOT NULL);
  CREATE TABLE snapshot (name TEXT PRIMARY KEY, seqno INTEGER NOT NULL, time_ms INTEGER NOT NULL, state TEXT NOT NULL);
  CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
  PRAGMA user_version = ${schemaVersion};
`

/** A block with something in it. Between two of these lie empty blocks, which follow from time alone and are kept nowhere. */
export interface Block {
  readonly seqno: number
  readonly timeMs: number
  /** An empty block follows each time so many milliseconds have passed; 0: none does. */
  readonly intervalMs: number
  readonly startLt: bigint
  readonly endLt: bigint
  /** Commits to all that went before. Hex. */
  readonly digest: string
}

export interface StoredTransaction {
  /** Raw form. */
  readonly address: string
  readonly lt: string
  /** Base64. */
  readonly hash: string
  /** BOC, base64. */
  readonly data: string
  readonly utime: number
  readonly seqno: number
}

/** A message between two accounts, and the transactions at its ends as far as they have happened. */
export interface StoredMessage {
  readonly source: string
  readonly destination: string
  readonly createdLt: string
  readonly sourceLt: string | undefined
  readonly resultLt: string | undefined
}

export interface BlockWrite {
  readonly block: Block
  readonly accounts: ReadonlyMap<string, string>
  readonly transactions: readonly StoredTransaction[]
  readonly messages: readonly StoredMessage[]
  /** All that is under way after this block. */
  readonly waiting: readonly Waiting[]
}

/** What outlives a restart beside the blocks. */
export interface Settings {
  /** The chain's clock less the machine's, in milliseconds. */
  readonly offsetMs: number
  /** Where the clock stands still: at this Unix time in milliseconds. */
  readonly frozenAtMs: number | null
  readonly delivery: Delivery
  /** The state of the random numbers. */
  readonly random: number
}

export interface Snapshot {
  readonly name: string
  readonly seqno: number
  readonly timeMs: number
}

export class ChainStore {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** Opens the chain in `directory`, or begins one with `genesis`. Throws where another process has it open. */
  constructor(directory: string, genesis: { block: Block; settings: Settings }) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#db = new DatabaseSync(join(directory, 'chain.sqlite'))
    try {
      this.#db.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT',
      )
      this.#prepare(genesis)
    } catch (cause) {
      this.#db.close()
      throw /locked|busy/i.test(messageOf(cause)) ? new Error('another process has this chain open', { cause }) : cause
    }
  }

  #prepare({ block, settings }: { block: Block; settings: Settings }): void {
    const version = this.#number('PRAGMA user_version', 'user_version')
    if (version === schemaVersion) return
    const isNew = this.#number("SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'", 'n') === 0
    if (!isNew) throw new Error('this chain was made by another version of the program: begin one in another folder')
    this.#whole(() => {
      this.#db.exec(schema)
      this.#writeBlock(block)
      this.saveSettings(settings)
    })
  }

  /** The newest block at or before `seqno`. */
  blockAt(seqno: number): Block {
    const found = this.#block('seqno <= ? ORDER BY seqno DESC', seqno)
    if (!found) throw new Error(`the chain has no block at or before ${seqno}`)
    return found
  }

  blockAfter(seqno: number): Block | undefined {
    return this.#block('seqno > ? ORDER BY seqno', seqno)
  }

  newestBlock(): Block {
    return this.blockAt(Number.MAX_SAFE_INTEGER)
  }

  /** The shard account's BOC in base64, as of block `seqno`. */
  account(address: string, seqno: number): string | undefined {
    const row = this.#sql('SELECT shard_account FROM account WHERE address = ? AND seqno <= ? ORDER BY seqno DESC LIMIT 1').get(
      address,
      seqno,
    )
    return row === undefined ? undefined : String(row.shard_account)
  }

  /** Writes a block whole, with the settings after it, on disk when it returns. */
  write({ block, accounts, transactions, messages, waiting }: BlockWrite, settings: Settings): void {
    this.#whole(() => {
      this.#writeBlock(block)
      for (const [address, boc] of accounts) this.#run('INSERT INTO account VALUES (?, ?, ?)', address, block.seqno, boc)
      for (const { lt, address, hash, data, utime, seqno } of transactions)
        this.#run('INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?)', BigInt(lt), address, hash, data, utime, seqno)
      for (const { source, destination, createdLt, sourceLt, resultLt } of messages)
        this.#run(
          'INSERT INTO message VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET source_lt = coalesce(excluded.source_lt, source_lt), result_lt = coalesce(excluded.result_lt, result_lt)',
          source,
          destination,
          createdLt,
          big(sourceLt),
          big(resultLt),
        )
      this.#writeWaiting(waiting)
      this.saveSettings(settings)
    })
  }

  /** Newest first, of blocks up to `seqno`, from `fromLt` (inclusive) down to above `toLt`. */
  transactions(address: string, seqno: number, fromLt: bigint, toLt: bigint, limit: number): StoredTransaction[] {
    return this.#transactions(
      'WHERE address = ? AND seqno <= ? AND tx.lt <= ? AND tx.lt > ? ORDER BY tx.lt DESC LIMIT ?',
      address,
      seqno,
      fromLt,
      toLt,
      limit,
    )
  }

  /** All of one block. */
  blockTransactions(seqno: number): StoredTransaction[] {
    return this.#transactions('WHERE seqno = ? ORDER BY address, tx.lt', seqno)
  }

  /** The transaction at either end of a message, of blocks up to `seqno`. */
  located(end: 'source' | 'result', source: string, destination: string, createdLt: bigint, seqno: number): StoredTransaction | undefined {
    return this.#transactions(
      `JOIN message ON tx.lt = message.${end}_lt WHERE source = ? AND destination = ? AND created_lt = ? AND seqno <= ?`,
      source,
      destination,
      createdLt.toString(),
      seqno,
    )[0]
  }

  waiting(): Waiting[] {
    const rows = this.#sql('SELECT due, source, destination, boc FROM waiting ORDER BY id').all()
    return rows.map(({ due, source, destination, boc }) => ({
      due: Number(due),
      source: String(source),
      destination: String(destination),
      boc: String(boc),
    }))
  }

  saveWaiting(waiting: readonly Waiting[], settings: Settings): void {
    this.#whole(() => {
      this.#writeWaiting(waiting)
      this.saveSettings(settings)
    })
  }

  settings(): Settings {
    return JSON.parse(String(this.#sql('SELECT json FROM settings').get()?.json)) as Settings
  }

  saveSettings(settings: Settings): void {
    this.#run('INSERT INTO settings VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json', JSON.stringify(settings))
  }

  /** Remembers the chain as it is; a snapshot of the same name is replaced. */
  saveSnapshot({ name, seqno, timeMs }: Snapshot): void {
    const state = JSON.stringify({ waiting: this.waiting(), settings: this.settings() })
    this.#run('INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)', name, seqno, timeMs, state)
  }

  snapshots(): Snapshot[] {
    const rows = this.#sql('SELECT name, seqno, time_ms FROM snapshot ORDER BY seqno, time_ms, name').all()
    return rows.map(({ name, seqno, time_ms }) => ({ name: String(name), seqno: Number(seqno), timeMs: Number(time_ms) }))
  }

  /** Makes undone all after the snapshot, later snapshots included; the clock is left to the caller. */
  restore({ name, seqno }: Snapshot): void {
    const { waiting, settings } = JSON.parse(String(this.#sql('SELECT state FROM snapshot WHERE name = ?').get(name)?.state)) as {
      waiting: Waiting[]
      settings: Settings
    }
    this.#whole(() => {
      this.#run('UPDATE message SET result_lt = NULL WHERE result_lt IN (SELECT lt FROM tx WHERE seqno > ?)', seqno)
      this.#run('DELETE FROM message WHERE source_lt IN (SELECT lt FROM tx WHERE seqno > ?)', seqno)
      this.#run('DELETE FROM message WHERE source_lt IS NULL AND result_lt IS NULL')
      for (const table of ['tx', 'account', 'block', 'snapshot']) this.#run(`DELETE FROM ${table} WHERE seqno > ?`, seqno)
      this.#writeWaiting(waiting)
      this.saveSettings(settings)
    })
  }

  close(): void {
    this.#db.close()
  }

  #writeBlock({ seqno, timeMs, intervalMs, startLt, endLt, digest }: Block): void {
    this.#run('INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)', seqno, timeMs, intervalMs, startLt, endLt, digest)
  }

  #writeWaiting(waiting: readonly Waiting[]): void {
    this.#run('DELETE FROM waiting')
    for (const { due, source, destination, boc } of waiting)
      this.#run('INSERT INTO waiting (due, source, destination, boc) VALUES (?, ?, ?, ?)', due, source, destination, boc)
  }

  #block(which: string, seqno: number): Block | undefined {
    const row = this.#sql(
      `SELECT seqno, time_ms, interval_ms, CAST(start_lt AS TEXT) AS start_lt, CAST(end_lt AS TEXT) AS end_lt, digest FROM block WHERE ${which} LIMIT 1`,
    ).get(seqno)
    return (
      row && {
        seqno: Number(row.seqno),
        timeMs: Number(row.time_ms),
        intervalMs: Number(row.interval_ms),
        startLt: BigInt(String(row.start_lt)),
        endLt: BigInt(String(row.end_lt)),
        digest: String(row.digest),
      }
    )
  }

  #transactions(which: string, ...values: SQLInputValue[]): StoredTransaction[] {
    const rows = this.#sql(`SELECT address, CAST(tx.lt AS TEXT) AS lt, hash, data, utime, seqno FROM tx ${which}`).all(...values)
    return rows.map(({ address, lt, hash, data, utime, seqno }) => ({
      address: String(address),
      lt: String(lt),
      hash: String(hash),
      data: String(data),
      utime: Number(utime),
      seqno: Number(seqno),
    }))
  }

  #whole(writes: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      writes()
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #run(text: string, ...values: SQLInputValue[]): void {
    this.#sql(text).run(...values)
  }

  #number(text: string, column: string): number {
    return Number(this.#db.prepare(text).get()?.[column])
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known) return known
    const made = this.#db.prepare(text)
    this.#statements.set(text, made)
    return made
  }
}

function big(text: string | undefined): bigint | null {
  return text === undefined ? null : BigInt(text)
}
