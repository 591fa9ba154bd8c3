/**
 * The write side of the ledger: a port that a store implements, and the group commit in front of it. Writes queue up while
 * a batch is on its way and leave together when it is back, so a batch is as large as the load makes it and one sync serves all.
 */
import { Worker } from 'node:worker_threads'
import { siblingModule } from '../lib/sibling-module.ts'
import { LedgerError, type LedgerErrorCode } from './errors.ts'
import type { QueryName, Row, Value, Write } from './schema.ts'
import type { Answer, Ask } from './writer.ts'

/** What the ledger needs of a store. A batch is all or nothing, and durable when its promise is fulfilled. */
export interface Store {
  apply(batch: readonly Write[]): Promise<void>
  query(name: QueryName, ...parameters: Value[]): Promise<Row[]>
  close(): Promise<void>
}

/** Opens the SQLite store in a thread of its own. Throws {@link LedgerError} `locked`, `not-durable` or `corrupt`. */
export async function openSqlite(file: string): Promise<Store> {
  const worker = new Worker(siblingModule(import.meta.url, 'writer'), { workerData: { file } })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let last = 0
  let dead: Error | undefined
  const ended = (error: Error) => {
    dead ??= error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  worker.on('message', (answer: Answer) => {
    const asked = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('error' in answer)
      asked?.reject(new LedgerError((answer.error.code as LedgerErrorCode | undefined) ?? 'unavailable', answer.error.message))
    else asked?.resolve(answer.value)
  })
  worker.on('error', cause => ended(new LedgerError('unavailable', 'the writer thread failed', { cause })))
  worker.on('exit', () => ended(new LedgerError('unavailable', 'the writer thread ended')))

  const wait = (id: number) => new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }))
  type Question<T> = T extends Ask ? Omit<T, 'id'> : never
  const ask = (question: Question<Ask>): Promise<unknown> => {
    if (dead) return Promise.reject(dead)
    const id = ++last
    worker.postMessage({ id, ...question })
    return wait(id)
  }
  try {
    await wait(0)
  } catch (error) {
    await worker.terminate()
    throw error
  }
  return {
    apply: async batch => void (await ask({ do: 'apply', batch })),
    query: async (name, ...parameters) => (await ask({ do: 'query', name, parameters })) as Row[],
    async close() {
      if (dead) return
      await ask({ do: 'close' })
      await worker.terminate()
    },
  }
}

/** Group commit in front of a store. */
export class GroupCommit {
  readonly #store: Store
  readonly #onFailure: (error: unknown) => void
  #queue: { writes: readonly Write[]; resolve(): void; reject(error: unknown): void }[] = []
  #flushing: Promise<void> | undefined
  #failure: unknown

  constructor(store: Store, onFailure: (error: unknown) => void) {
    this.#store = store
    this.#onFailure = onFailure
  }

  /** Whether every write so far was taken. Once one was not, none is any more: memory and store may differ, and only a restart makes them agree. */
  get healthy(): boolean {
    return this.#failure === undefined
  }

  /** Queues `writes`, kept together in one batch. Fulfilled when they are durable. */
  write(writes: readonly Write[]): Promise<void> {
    if (!this.healthy) return Promise.reject(unavailable(this.#failure))
    const durable = new Promise<void>((resolve, reject) => this.#queue.push({ writes, resolve, reject }))
    this.#flushing ??= this.#flush()
    return durable
  }

  /** Fulfilled when nothing is queued or on its way. */
  async drained(): Promise<void> {
    while (this.#flushing) await this.#flushing
  }

  async #flush(): Promise<void> {
    // What is queued in the same turn joins the first batch.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#queue
      this.#queue = []
      try {
        await this.#store.apply(batch.flatMap(({ writes }) => writes))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#fail(error, batch)
      }
    }
    this.#flushing = undefined
  }

  #fail(error: unknown, batch: readonly { reject(error: unknown): void }[]): void {
    this.#failure = error
    for (const { reject } of [...batch, ...this.#queue]) reject(unavailable(error))
    this.#queue = []
    this.#onFailure(error)
  }
}

function unavailable(cause: unknown): LedgerError {
  return new LedgerError('unavailable', 'the ledger cannot write', { cause })
}
