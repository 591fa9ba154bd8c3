/** Many requests on one balance, many posts in one commit, and a store that fails in the middle. */
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Ledger, openLedger } from '../../src/ledger/index.ts'
import { openSqlite } from '../../src/ledger/store.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, codeOf, fund, hold, n, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore, SteppedStore } from './support/stores.ts'

let clock: ManualClock
let file: string
let store: SteppedStore
let ledger: Ledger
const onFailure = vi.fn()

beforeEach(async () => {
  clock = new ManualClock(startMs)
  file = temporaryFile()
  store = new SteppedStore(inlineStore(file))
  onFailure.mockReset()
  ledger = await openLedger({ file, clock, store, onFailure })
  onTestFinished(() => ledger.close())
  await fund(ledger, 100)
  await ledger.flushed()
  store.batches.length = 0
})

const reopened = async () => {
  const again = await openLedger({ file, clock, store: inlineStore(file) })
  onTestFinished(() => again.close())
  return again
}
const rids = (count: number) => Array.from({ length: count }, (_, index) => `rid-${index}`)
const view = () => ledger.account(channel)!

describe('many requests at once', () => {
  test('200 on a balance for 100: exactly 100 are taken, and nothing is left', async () => {
    const turns = rids(200).map(async rid => {
      await Promise.resolve()
      return codeOf(() => hold(ledger, rid, 1))
    })
    const codes = await Promise.all(turns)
    expect(codes.filter(code => code === undefined)).toHaveLength(100)
    expect(codes.filter(code => code === 'insufficient-funds')).toHaveLength(100)
    expect(view()).toMatchObject({ reserved: 100n, available: 0n })
  })

  test('what one of them frees the next one may take, never more', async () => {
    hold(ledger, 'a', 60)
    hold(ledger, 'b', 40)
    await ledger.post(postOf('a', 10))
    expect(codeOf(() => hold(ledger, 'c', 51))).toBe('insufficient-funds')
    hold(ledger, 'c', 50)
    ledger.void('b')
    hold(ledger, 'd', 40)
    expect(view()).toMatchObject({ spent: 10n, reserved: 90n, available: 0n })
  })

  test('two channels never draw on each other', async () => {
    await fund(ledger, 10, { channel: 'EQother' })
    hold(ledger, 'a', 10, { channel: 'EQother' })
    expect(codeOf(() => hold(ledger, 'b', 1, { channel: 'EQother' }))).toBe('insufficient-funds')
    expect(view()).toMatchObject({ reserved: 0n, available: 100n })
  })
})

describe('group commit', () => {
  test('whatever comes while a batch is on its way leaves as one batch after it', async () => {
    const go = store.stall()
    for (const rid of rids(50)) hold(ledger, rid, 2)
    await clock.advance(0)
    const posts = rids(50).map(rid => ledger.post(postOf(rid, 1)))
    expect(store.batches).toHaveLength(1)
    go()
    await Promise.all(posts)
    expect(store.batches).toHaveLength(2)
    expect(store.batches[1]!.filter(([name]) => name === 'entry')).toHaveLength(50)
    await ledger.close()
    expect((await reopened()).account(channel)).toMatchObject({ spent: 50n, reserved: 0n })
  })

  test('a post is charged at once, but acknowledged and claimed only once it is stored', async () => {
    hold(ledger, 'a', 40)
    await ledger.flushed()
    const go = store.stall()
    const done = vi.fn()
    const post = ledger.post(postOf('a', 15)).then(done)
    const again = ledger.post(postOf('a', 15)).then(done)
    await clock.advance(60_000)
    expect(done).not.toHaveBeenCalled()
    expect(view().spent).toBe(15n)
    expect(ledger.claimable(channel)!.spent).toBe(0n)
    expect((await ledger.receipt('a'))!.cost).toBe(15n)
    go()
    await Promise.all([post, again])
    expect(ledger.claimable(channel)!.spent).toBe(15n)
  })

  test('an authorisation counts only once it is stored', async () => {
    const go = store.stall()
    const raised = ledger.authorise(channel, { ceiling: n(200), signature: Buffer.alloc(64, 4) })
    ledger.noteChain(channel, { status: 1, deposited: n(200), settled: n(0) })
    await clock.advance(0)
    expect(view()).toMatchObject({ authorised: 100n, available: 100n })
    go()
    await raised
    expect(view()).toMatchObject({ authorised: 200n, available: 200n })
  })

  test('closing waits for what is on its way', async () => {
    hold(ledger, 'a', 40)
    const go = store.stall()
    const post = ledger.post(postOf('a', 15))
    const closed = ledger.close()
    go()
    await Promise.all([post, closed])
    expect((await reopened()).account(channel)!.spent).toBe(15n)
  })
})

describe('a store that fails', () => {
  const full = new Error('database or disk is full')

  test('acknowledges nothing of the failed batch nor of what waited behind it, and says so once', async () => {
    for (const rid of ['a', 'b']) hold(ledger, rid, 40)
    await ledger.flushed()
    const go = store.stall()
    const first = ledger.post(postOf('a', 15))
    await clock.advance(0)
    const second = ledger.post(postOf('b', 15))
    store.failure = full
    go()
    for (const post of [first, second]) await expect(post).rejects.toMatchObject({ code: 'unavailable', cause: full })
    await expect(ledger.post(postOf('a', 15))).rejects.toMatchObject({ code: 'unavailable' })
    expect(onFailure).toHaveBeenCalledExactlyOnceWith(full)
    expect(ledger.claimable(channel)!.spent).toBe(0n)
    await ledger.close()
    expect((await reopened()).account(channel)).toMatchObject({ spent: 0n, reserved: 0n, available: 100n })
  })

  test('takes nothing new from then on, even if it could write again', async () => {
    hold(ledger, 'a', 40)
    await ledger.flushed()
    store.failure = full
    await expect(ledger.addKey({ hash: 'ab', channel, createdAt: 0 })).rejects.toMatchObject({ code: 'unavailable' })
    store.failure = undefined
    expect(ledger.healthy).toBe(false)
    expect(ledger.findKey('ab')).toBeUndefined()
    expect(codeOf(() => hold(ledger, 'b', 1))).toBe('unavailable')
    const refused = { code: 'unavailable' }
    await expect(ledger.post(postOf('a', 1))).rejects.toMatchObject(refused)
    await expect(ledger.authorise(channel, { ceiling: n(200), signature: Buffer.alloc(64) })).rejects.toMatchObject(refused)
    await expect(
      ledger.noteClaim(channel, { amount: n(1), root: Buffer.alloc(32), claimSignature: Buffer.alloc(64) }),
    ).rejects.toMatchObject(refused)
    await expect(ledger.openChannel({ address: 'EQx', terms: '', payerKey: Buffer.alloc(32), payeeKeyId: '' })).rejects.toMatchObject(
      refused,
    )
    expect(ledger.account('EQx')).toBeUndefined()
    expect(view().authorised).toBe(100n)
  })

  test('leaves no half of a batch behind', async () => {
    const sqlite = await openSqlite(temporaryFile())
    onTestFinished(() => sqlite.close())
    const key = ['addKey', 'ab', channel, null, 0] as const
    await expect(sqlite.apply([key, ['claim', channel, 1n, Buffer.alloc(32), Buffer.alloc(64), 0], key])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('UNIQUE'),
    })
    expect(await sqlite.query('keys')).toEqual([])
    expect(await sqlite.query('claims')).toEqual([])
  })

  test('answers nothing after it was closed', async () => {
    const sqlite = await openSqlite(temporaryFile())
    await sqlite.close()
    await sqlite.close()
    await expect(sqlite.query('keys')).rejects.toMatchObject({ code: 'unavailable' })
  })
})
