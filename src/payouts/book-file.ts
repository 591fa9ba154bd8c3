/**
 * A small SQLite file for one book. What is written is seen at once by whoever reads through the same book; it is committed together
 * with what follows within a few milliseconds, or when somebody asks. A crash loses at most those milliseconds, which both ends make
 * good again: each tells the other what it has.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { Clock, Timer } from '../lib/clock.ts'

const commitMs = 20

export type Row = Readonly<Record<string, string | number | bigint | Uint8Array | null>>

export class BookFile {
  readonly #db: DatabaseSync
  readonly #clock: Clock
  readonly #prepared = new Map<string, StatementSync>()
  #commit: Timer | undefined

  /** Opens `file`, made where it is not there, mode 0600 in a folder of 0700; `schema` makes its tables. Throws where it cannot. */
  constructor(file: string, schema: string, clock: Clock) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    this.#db = new DatabaseSync(file)
    this.#clock = clock
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000')
    this.#db.exec(schema)
  }

  /** Runs one write. */
  write(sql: string, ...parameters: SQLInputValue[]): void {
    if (!this.#commit) {
      this.#db.exec('BEGIN IMMEDIATE')
      this.#commit = this.#clock.after(commitMs, () => this.commit())
    }
    this.#statement(sql).run(...parameters)
  }

  /** The rows of a read; integers come as bigint. */
  rows(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...parameters) as Row[]
  }

  /** Commits what was written so far. */
  commit(): void {
    if (!this.#commit) return
    this.#commit.cancel()
    this.#commit = undefined
    this.#db.exec('COMMIT')
  }

  close(): void {
    this.commit()
    this.#db.close()
  }

  #statement(sql: string): StatementSync {
    const known = this.#prepared.get(sql)
    if (known) return known
    const made = this.#db.prepare(sql)
    made.setReadBigInts(true)
    this.#prepared.set(sql, made)
    return made
  }
}
