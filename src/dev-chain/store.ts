/** What the chain keeps: accounts, transactions for paging, blocks. SQLite, synced at every commit, so what was answered survives a kill. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { messageOf } from '../lib/coded-error.ts'

const schema = `
  CREATE TABLE IF NOT EXISTS account (address TEXT PRIMARY KEY, shard_account TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS tx (lt INTEGER PRIMARY KEY, address TEXT NOT NULL, hash TEXT NOT NULL, data TEXT NOT NULL, utime INTEGER NOT NULL, seqno INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS tx_address ON tx (address, lt);
  CREATE INDEX IF NOT EXISTS tx_seqno ON tx (seqno);
  CREATE TABLE IF NOT EXISTS message (source TEXT NOT NULL, destination TEXT NOT NULL, created_lt TEXT NOT NULL, source_lt INTEGER, result_lt INTEGER, PRIMARY KEY (source, destination, created_lt));
  CREATE TABLE IF NOT EXISTS head (id INTEGER PRIMARY KEY CHECK (id = 1), seqno INTEGER NOT NULL, lt TEXT NOT NULL, utime INTEGER NOT NULL);
  INSERT INTO head (id, seqno, lt, utime) VALUES (1, 1, '1000000', 0) ON CONFLICT (id) DO NOTHING;
`

/** The newest block: its number, the last logical time in it, its time in Unix seconds. */
export interface Head {
  readonly seqno: number
  readonly lt: bigint
  readonly utime: number
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

/** A message that passed between two accounts of this block. */
export interface StoredMessage {
  readonly source: string
  readonly destination: string
  readonly createdLt: string
  readonly sourceLt: string | undefined
  readonly resultLt: string | undefined
}

export interface BlockWrite {
  readonly head: Head
  readonly accounts: ReadonlyMap<string, string>
  readonly transactions: readonly StoredTransaction[]
  readonly messages: readonly StoredMessage[]
}

export class ChainStore {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** Opens the chain in `directory`, made where it is not there. Throws where another process has it open. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#db = new DatabaseSync(join(directory, 'chain.sqlite'))
    try {
      this.#db.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT',
      )
      this.#db.exec(schema)
    } catch (cause) {
      this.#db.close()
      throw /locked|busy/i.test(messageOf(cause)) ? new Error('another process has this chain open', { cause }) : cause
    }
  }

  head(): Head {
    const row = this.#sql('SELECT seqno, lt, utime FROM head').get() as { seqno: number; lt: string; utime: number }
    return { seqno: row.seqno, lt: BigInt(row.lt), utime: row.utime }
  }

  /** The shard account's BOC in base64. */
  account(address: string): string | undefined {
    return (this.#sql('SELECT shard_account FROM account WHERE address = ?').get(address) as { shard_account: string } | undefined)
      ?.shard_account
  }

  /** Writes a block whole, on disk when it returns. */
  write({ head, accounts, transactions, messages }: BlockWrite): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const [address, boc] of accounts)
        this.#sql('INSERT INTO account VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET shard_account = excluded.shard_account').run(
          address,
          boc,
        )
      for (const { lt, address, hash, data, utime, seqno } of transactions)
        this.#sql('INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?)').run(BigInt(lt), address, hash, data, utime, seqno)
      for (const { source, destination, createdLt, sourceLt, resultLt } of messages)
        this.#sql('INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?)').run(source, destination, createdLt, big(sourceLt), big(resultLt))
      this.#sql('UPDATE head SET seqno = ?, lt = ?, utime = ?').run(head.seqno, head.lt.toString(), head.utime)
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }

  /** Newest first, from `lt` (inclusive) down. */
  transactions(address: string, fromLt: string | undefined, limit: number): StoredTransaction[] {
    const rows =
      fromLt === undefined
        ? this.#sql(`${select} WHERE address = ? ORDER BY tx.lt DESC LIMIT ?`).all(address, limit)
        : this.#sql(`${select} WHERE address = ? AND tx.lt <= ? ORDER BY tx.lt DESC LIMIT ?`).all(address, BigInt(fromLt), limit)
    return rows as unknown as StoredTransaction[]
  }

  transaction(address: string, lt: string): StoredTransaction | undefined {
    return this.#sql(`${select} WHERE address = ? AND tx.lt = ?`).get(address, BigInt(lt)) as StoredTransaction | undefined
  }

  block(seqno: number): StoredTransaction[] {
    return this.#sql(`${select} WHERE seqno = ? ORDER BY tx.lt`).all(seqno) as unknown as StoredTransaction[]
  }

  /** The transaction at either end of a message. */
  located(end: 'source' | 'result', source: string, destination: string, createdLt: string): StoredTransaction | undefined {
    const row = this.#sql(`SELECT CAST(${end}_lt AS TEXT) AS lt FROM message WHERE source = ? AND destination = ? AND created_lt = ?`).get(
      source,
      destination,
      createdLt,
    )
    const lt = row?.lt
    return typeof lt === 'string' ? this.transaction(end === 'source' ? source : destination, lt) : undefined
  }

  close(): void {
    this.#db.close()
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known) return known
    const made = this.#db.prepare(text)
    this.#statements.set(text, made)
    return made
  }
}

const select = 'SELECT address, CAST(lt AS TEXT) AS lt, hash, data, utime, seqno FROM tx'

function big(text: string | undefined): bigint | null {
  return text === undefined ? null : BigInt(text)
}
