/** Stores for tests: the real SQLite one without its thread, and one that a test can hold up or break. */
import type { Store } from '../../../src/ledger/index.ts'
import type { QueryName, Row, Value, Write } from '../../../src/ledger/schema.ts'
import { SqliteStore } from '../../../src/ledger/sqlite.ts'

/** SQLite in this thread: the same rows, without starting a thread for each of many short lives. */
export function inlineStore(file: string): Store {
  const sqlite = new SqliteStore(file)
  let open = true
  return {
    apply: async batch => sqlite.apply(batch),
    query: async (name, ...parameters) => sqlite.all(name, parameters),
    close: async () => {
      if (open) sqlite.close()
      open = false
    },
  }
}

/** Passes everything on, once it is let; keeps the batches it was given. */
export class SteppedStore implements Store {
  readonly batches: (readonly Write[])[] = []
  /** Thrown in place of the next write. */
  failure: Error | undefined
  readonly #inner: Store
  #gate: PromiseWithResolvers<void> | undefined

  constructor(inner: Store) {
    this.#inner = inner
  }

  /** Holds every write up until the function returned is called. */
  stall(): () => void {
    const gate = Promise.withResolvers<void>()
    this.#gate = gate
    return () => gate.resolve()
  }

  async apply(batch: readonly Write[]): Promise<void> {
    this.batches.push(batch)
    await this.#gate?.promise
    if (this.failure) throw this.failure
    await this.#inner.apply(batch)
  }

  query(name: QueryName, ...parameters: Value[]): Promise<Row[]> {
    return this.#inner.query(name, ...parameters)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}
