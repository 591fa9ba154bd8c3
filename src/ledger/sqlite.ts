/** SQLite, synchronously: opened for one process alone, in WAL mode, synced at every commit. Runs inside the writer thread. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { sha256 } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { LedgerError } from './errors.ts'
import { indexes, migrations, type QueryName, queries, type Row, type StatementName, statements, type Value, type Write } from './schema.ts'

export class SqliteStore {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  /** Opens `file`, made where it is not there. Throws {@link LedgerError} `locked`, `not-durable` or `corrupt`. */
  constructor(file: string) {
    this.#db = new DatabaseSync(file)
    try {
      // Exclusive locking keeps any second process out for as long as this one lives.
      this.#db.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT',
      )
    } catch (cause) {
      this.#db.close()
      const locked = /locked|busy/i.test(messageOf(cause))
      throw locked
        ? new LedgerError('locked', `another process has ${file} open`, { cause })
        : new LedgerError('corrupt', `${file} cannot be opened as a ledger: ${messageOf(cause)}`, { cause })
    }
    // 2 is FULL: without it a commit can be lost with the power.
    const synchronous = this.#db.prepare('PRAGMA synchronous').get()?.synchronous
    const journal = this.#db.prepare('PRAGMA journal_mode').get()?.journal_mode
    if (synchronous !== 2 || journal !== 'wal')
      throw new LedgerError('not-durable', `the store syncs with level ${synchronous} in mode ${journal}`)
    this.#migrate()
    this.#db.function('sha256', { deterministic: true }, value => (value instanceof Uint8Array ? sha256(value) : null))
  }

  #migrate(): void {
    const version = Number(this.#db.prepare('PRAGMA user_version').get()?.user_version)
    if (version > migrations.length)
      throw new LedgerError('corrupt', `the ledger was written by a newer version (schema ${version}); this one knows ${migrations.length}`)
    for (let next = version; next < migrations.length; next++)
      this.#db.exec(`BEGIN IMMEDIATE; ${migrations[next]}; PRAGMA user_version = ${next + 1}; COMMIT`)
    for (const index of indexes) this.#db.exec(index)
  }

  /** Writes all of a batch or nothing, and returns once it is on disk. */
  apply(batch: readonly Write[]): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const [name, ...parameters] of batch) this.#statement(name, statements[name]).run(...parameters)
      this.#db.exec('COMMIT')
    } catch (error) {
      // A full disk or a failed write has rolled back already; another ROLLBACK would throw and hide why.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  /** The rows of a query; integers come as bigint. */
  all(name: QueryName, parameters: readonly Value[] = []): Row[] {
    return this.#statement(name, queries[name]).all(...parameters) as Row[]
  }

  close(): void {
    this.#db.close()
  }

  #statement(name: StatementName | QueryName, sql: string): StatementSync {
    const known = this.#prepared.get(name + sql)
    if (known) return known
    const made = this.#db.prepare(sql)
    made.setReadBigInts(true)
    this.#prepared.set(name + sql, made)
    return made
  }
}
