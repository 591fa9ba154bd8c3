/** The writer thread: owns the store, so that no commit ever blocks the event loop that serves requests. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../lib/coded-error.ts'
import { LedgerError } from './errors.ts'
import type { QueryName, Value, Write } from './schema.ts'
import { SqliteStore } from './sqlite.ts'

/** What the main thread asks, and what it is answered under the same id. */
export type Ask =
  | { readonly id: number; readonly do: 'apply'; readonly batch: readonly Write[] }
  | { readonly id: number; readonly do: 'query'; readonly name: QueryName; readonly parameters: readonly Value[] }
  | { readonly id: number; readonly do: 'close' }
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { code: string | undefined; message: string } }

function serve(): void {
  const port = parentPort!
  let store: SqliteStore
  try {
    store = new SqliteStore((workerData as { file: string }).file)
    port.postMessage({ id: 0, value: null } satisfies Answer)
  } catch (error) {
    port.postMessage({ id: 0, error: asMessage(error) } satisfies Answer)
    return
  }
  port.on('message', (ask: Ask) => {
    try {
      port.postMessage({ id: ask.id, value: run(store, ask) } satisfies Answer)
    } catch (error) {
      port.postMessage({ id: ask.id, error: asMessage(error) } satisfies Answer)
    }
    if (ask.do === 'close') port.close()
  })
}

function run(store: SqliteStore, ask: Ask): unknown {
  switch (ask.do) {
    case 'apply':
      return store.apply(ask.batch)
    case 'query':
      return store.all(ask.name, ask.parameters)
    case 'close':
      return store.close()
  }
}

function asMessage(error: unknown): { code: string | undefined; message: string } {
  return { code: error instanceof LedgerError ? error.code : undefined, message: messageOf(error) }
}

if (parentPort) serve()
