/** API keys with limits and ends, channels that are stopped for good, and what their owner may read. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type KeyLimits, keyId, type Ledger, openLedger } from '../../src/ledger/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, codeOf, fund, n, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore } from './support/stores.ts'

const hash = 'ab'.repeat(32)
const other = 'cd'.repeat(32)
const dayMs = 86_400_000

let clock: ManualClock
let file: string
let ledger: Ledger

const open = async () => {
  ledger = await openLedger({ file, clock, store: inlineStore(file) })
}
const reopen = async () => {
  await ledger.close()
  await open()
}

beforeEach(async () => {
  clock = new ManualClock(startMs)
  file = temporaryFile()
  await open()
  onTestFinished(() => ledger.close())
  await fund(ledger, 1_000)
})

const addKey = (limits?: KeyLimits, name = hash) =>
  ledger.addKey({ hash: name, channel, createdAt: clock.now(), ...(limits ? { limits } : {}) })
const hold = (rid: string, amount: number, key = hash) =>
  ledger.reserve({ rid, channel, amount: n(amount), expiresAt: clock.now() + 600_000, key })
const spend = async (rid: string, cost: number, key = hash) => {
  hold(rid, cost, key)
  await ledger.post(postOf(rid, cost))
}

describe('a limit in all', () => {
  beforeEach(() => addKey({ spend: n(100) }))

  test('bounds what is spent and reserved together, and a freed reservation is free again', async () => {
    await spend('a', 60)
    hold('b', 40)
    expect(codeOf(() => hold('c', 1))).toBe('key-spent')
    ledger.void('b')
    hold('c', 40)
  })

  test('holds nothing where it refuses, neither of the key nor of the channel', () => {
    expect(codeOf(() => hold('a', 101))).toBe('key-spent')
    expect(ledger.account(channel)!.reserved).toBe(0n)
    hold('a', 100)
  })

  test('is not used by a channel that cannot pay', async () => {
    await addKey({ spend: n(5_000) }, other)
    expect(codeOf(() => hold('a', 2_000, other))).toBe('insufficient-funds')
    hold('b', 1_000, other)
  })

  test('stands after a restart, and counts what was spent before it', async () => {
    await spend('a', 60)
    hold('b', 30)
    await reopen()
    hold('c', 40)
    expect(codeOf(() => hold('d', 1))).toBe('key-spent')
  })

  test('is the key’s own: another key of the channel spends on', async () => {
    await addKey(undefined, other)
    await spend('a', 100)
    await spend('b', 500, other)
    expect(codeOf(() => hold('c', 1))).toBe('key-spent')
  })
})

describe('a limit of the day', () => {
  beforeEach(async () => {
    // Midnight UTC.
    await clock.advance(dayMs - (startMs % dayMs))
    await addKey({ perDay: n(100) })
  })

  test('bounds the day, and begins anew at midnight UTC', async () => {
    await spend('a', 100)
    expect(codeOf(() => hold('b', 1))).toBe('key-spent-today')
    await clock.advance(dayMs - 1)
    expect(codeOf(() => hold('b', 1))).toBe('key-spent-today')
    await clock.advance(1)
    await spend('b', 100)
  })

  test('counts a request on the day of its receipt', async () => {
    await clock.advance(dayMs - 60_000)
    hold('a', 60)
    await clock.advance(60_000)
    hold('b', 40)
    expect(codeOf(() => hold('c', 1))).toBe('key-spent-today')
    await ledger.post(postOf('a', 60))
    expect(codeOf(() => hold('c', 1))).toBe('key-spent-today')
  })

  test('stands after a restart, for what is left of the day', async () => {
    await spend('a', 70)
    await reopen()
    expect(codeOf(() => hold('b', 31))).toBe('key-spent-today')
    await clock.advance(dayMs)
    await reopen()
    hold('b', 100)
  })
})

describe('keys', () => {
  test('are listed with their limits, their end and what each has spent', async () => {
    const limits: KeyLimits = { spend: n(500), perDay: n(100), models: ['tiny'], expiresAt: 1_900_000_000 }
    await addKey(limits)
    await clock.advance(1)
    await addKey(undefined, other)
    await spend('a', 7)
    await spend('b', 5, other)
    const listed = [
      { hash, channel, createdAt: startMs, limits, id: 'key_abababababababab', spent: 7n },
      { hash: other, channel, createdAt: startMs + 1, id: 'key_cdcdcdcdcdcdcdcd', spent: 5n },
    ]
    expect(ledger.keysOf(channel)).toEqual(listed)
    expect(ledger.keysOf('EQother')).toEqual([])
    await reopen()
    expect(ledger.keysOf(channel)).toEqual(listed)
    expect(ledger.findKey(hash)).toMatchObject({ limits })
  })

  test('end when they are revoked, once and for good', async () => {
    await addKey()
    expect(await ledger.revokeKey(channel, keyId(hash))).toMatchObject({ hash, revokedAt: startMs })
    await clock.advance(5)
    expect(await ledger.revokeKey(channel, keyId(hash))).toMatchObject({ revokedAt: startMs })
    await reopen()
    expect(ledger.findKey(hash)).toMatchObject({ revokedAt: startMs })
  })

  test('end at once, before the disk has said a word', async () => {
    await addKey()
    const revoked = ledger.revokeKey(channel, keyId(hash))
    expect(ledger.findKey(hash)).toMatchObject({ revokedAt: startMs })
    await revoked
  })

  test('of another channel, or that are none, are not revoked', async () => {
    await addKey()
    expect(await ledger.revokeKey('EQother', keyId(hash))).toBeUndefined()
    expect(await ledger.revokeKey(channel, 'key_0000000000000000')).toBeUndefined()
    expect(ledger.findKey(hash)!.revokedAt).toBeUndefined()
  })
})

describe('a stopped channel', () => {
  const release = { minSettled: n(7), signature: Buffer.alloc(64, 5) }

  test('reserves nothing any more, whatever the chain shows; what runs is posted', async () => {
    hold('a', 10)
    const stopped = ledger.stop(channel)
    expect(codeOf(() => hold('b', 1))).toBe('channel-not-open')
    await stopped
    expect([ledger.runningOn(channel), ledger.account(channel)]).toEqual([1, expect.objectContaining({ stopped: true, available: 0n })])
    await ledger.post(postOf('a', 7))
    ledger.noteChain(channel, { status: 1, deposited: n(5_000), settled: n(0) })
    expect(codeOf(() => hold('b', 1))).toBe('channel-not-open')
    await reopen()
    expect(codeOf(() => hold('b', 1))).toBe('channel-not-open')
    expect([ledger.runningOn(channel), ledger.account(channel)!.spent]).toEqual([0, 7n])
  })

  test('is released once, and the same leave is given ever after', async () => {
    await ledger.stop(channel)
    expect(await ledger.noteRelease(channel, release)).toEqual(release)
    expect(await ledger.noteRelease(channel, { ...release, minSettled: n(0) })).toEqual(release)
    await reopen()
    const kept = ledger.releaseOf(channel)!
    expect([kept.minSettled, Buffer.from(kept.signature)]).toEqual([7n, release.signature])
  })

  test('is released only after it was stopped', async () => {
    await expect(ledger.noteRelease(channel, release)).rejects.toMatchObject({ code: 'channel-not-open' })
    expect(ledger.releaseOf(channel)).toBeUndefined()
  })
})

describe('a statement', () => {
  test('is read in pages, up to the entry whose hash is its root', async () => {
    for (const rid of ['a', 'b', 'c']) await spend(rid, 5)
    const first = await ledger.statement(channel, 0, 2)
    expect(first.entries).toMatchObject([
      { seq: 1, rid: 'a', cost: 5n, spent: 5n, model: 'tiny', worker: 'worker-1', evidence: 'e1'.repeat(32) },
      { seq: 2, rid: 'b', spent: 10n },
    ])
    expect(Buffer.from(first.entries[0]!.receipt).toString()).toBe('receipt of a')
    const rest = await ledger.statement(channel, 2, 2)
    expect(rest.entries).toHaveLength(1)
    expect([rest.spent, Buffer.from(rest.root)]).toEqual([15n, Buffer.from(rest.entries[0]!.hash)])
    expect((await ledger.statement(channel, 3, 2)).entries).toEqual([])
  })

  test('of a channel without charges is empty', async () => {
    expect(await ledger.statement(channel, 0, 10)).toEqual({ entries: [], root: Buffer.alloc(32), spent: 0n })
  })

  test('comes with the evidence that its receipts were signed under, and with no other’s', async () => {
    ledger.storeEvidence({ digest: 'e1'.repeat(32), keyset: Buffer.from('keyset'), quote: Buffer.from('quote'), at: 5 })
    await ledger.flushed()
    expect(await ledger.evidence('e1'.repeat(32), channel)).toBeUndefined()
    await spend('a', 5)
    expect(await ledger.evidence('e1'.repeat(32), channel)).toMatchObject({ at: 5 })
    expect(await ledger.evidence('e1'.repeat(32), 'EQother')).toBeUndefined()
    expect(await ledger.evidence('e2'.repeat(32), channel)).toBeUndefined()
  })
})
