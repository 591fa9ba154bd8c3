/** What may be charged once is charged once: while it runs, after it, over a restart and after a crash. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Ledger, LedgerError, openLedger } from '../../src/ledger/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, fund, n, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore, SteppedStore } from './support/stores.ts'

const once = 'ab'.repeat(32)
let clock: ManualClock
let file: string
let store: SteppedStore
let ledger: Ledger

const open = async () => {
  store = new SteppedStore(inlineStore(file))
  ledger = await openLedger({ file, clock, store })
}
const take = (rid: string, name = once, amount = 40) =>
  ledger.reserveOnce({ rid, channel, amount: n(amount), expiresAt: startMs + 600_000 }, name)
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof LedgerError ? error.code : Promise.reject(error)),
  )

beforeEach(async () => {
  clock = new ManualClock(startMs)
  file = temporaryFile()
  await open()
  onTestFinished(() => ledger.close())
  await fund(ledger, 100)
})

describe('a request that may be charged once', () => {
  test('is reserved, and not again while it runs', async () => {
    await take('a')
    expect(ledger.account(channel)!.reserved).toBe(40n)
    expect(await refusal(take('b'))).toBe('already-used')
    expect(ledger.account(channel)!.reserved).toBe(40n)
  })

  test('is reserved once of two that come in the same turn', async () => {
    expect(await Promise.all([refusal(take('a')), refusal(take('b'))])).toEqual([undefined, 'already-used'])
    expect(ledger.account(channel)!.reserved).toBe(40n)
  })

  test('is refused after its charge, before and after that is durable', async () => {
    await take('a')
    const release = store.stall()
    const durable = ledger.post(postOf('a', 30))
    expect(await refusal(take('b'))).toBe('already-used')
    release()
    await durable
    expect(await refusal(take('b'))).toBe('already-used')
    expect(ledger.account(channel)).toMatchObject({ spent: 30n, reserved: 0n })
  })

  test('is refused after a restart', async () => {
    await take('a')
    await ledger.post(postOf('a', 30))
    await ledger.close()
    await open()
    expect(await refusal(take('b'))).toBe('already-used')
    await take('b', 'cd'.repeat(32))
  })

  test('is in one batch with its charge: a crash loses both or none', async () => {
    await take('a')
    await ledger.flushed()
    const batches = store.batches.length
    await ledger.post(postOf('a', 30))
    const [batch, ...more] = store.batches.slice(batches)
    expect(more).toEqual([])
    expect(batch!.map(([name]) => name)).toEqual(expect.arrayContaining(['transfer', 'entry', 'receipt', 'once']))
  })

  test('may come again where nothing came of it: void, expiry, a crash, a refusal', async () => {
    await take('a')
    ledger.void('a')
    await take('b')
    await clock.advance(700_000)
    await take('c')
    await ledger.flushed()
    await ledger.close()
    await open()
    expect(await refusal(take('d', once, 101))).toBe('insufficient-funds')
    await take('d')
  })

  test('may come again after a failure that cost nothing, and not after one that cost something', async () => {
    await take('a')
    await ledger.post(postOf('a', 0, { finish: 'error' }))
    await take('b')
    await ledger.post(postOf('b', 1, { finish: 'error' }))
    expect(await refusal(take('c'))).toBe('already-used')
  })

  test('may come again at once after a failure that cost nothing, and what runs then is not let go when that failure is durable', async () => {
    await take('a')
    const release = store.stall()
    const durable = ledger.post(postOf('a', 0, { finish: 'error' }))
    await take('b')
    release()
    await durable
    expect(await refusal(take('c'))).toBe('already-used')
  })

  test('is used by an answer that cost nothing', async () => {
    await take('a')
    await ledger.post(postOf('a', 0))
    expect(await refusal(take('b'))).toBe('already-used')
  })

  test('does not stand in the way of another', async () => {
    await take('a')
    await take('b', 'cd'.repeat(32))
    expect(ledger.account(channel)!.reserved).toBe(80n)
  })
})

test('a ledger of the version before learns it without losing anything', async () => {
  const { migrations } = await import('../../src/ledger/schema.ts')
  const { DatabaseSync } = await import('node:sqlite')
  const old = temporaryFile()
  const db = new DatabaseSync(old)
  db.exec(`${migrations[0]}; PRAGMA user_version = 1`)
  db.exec(`INSERT INTO channel VALUES ('EQold', '{}', x'01', '02', 1)`)
  db.close()
  const opened = await openLedger({ file: old, clock, store: inlineStore(old) })
  onTestFinished(() => opened.close())
  expect(opened.account('EQold')).toMatchObject({ spent: 0n })
  opened.noteChain('EQold', { status: 1, deposited: n(10), settled: n(0) })
  await opened.authorise('EQold', { ceiling: n(10), signature: Buffer.alloc(64) })
  await opened.reserveOnce({ rid: 'a', channel: 'EQold', amount: n(5), expiresAt: startMs + 1 }, once)
})
