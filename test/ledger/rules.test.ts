/** Every rule of the ledger: what it takes, and everything it refuses. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Ledger, openLedger } from '../../src/ledger/index.ts'
import { utf8 } from '../../src/lib/bytes.ts'
import { maxNanoton } from '../../src/lib/nanoton.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { channel, codeOf, fund, hold, n, postOf, startMs, temporaryFile } from './support/books.ts'
import { inlineStore } from './support/stores.ts'

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
const view = () => ledger.account(channel)!

beforeEach(async () => {
  clock = new ManualClock(startMs)
  file = temporaryFile()
  await open()
  onTestFinished(() => ledger.close())
})

describe('a reservation', () => {
  beforeEach(() => fund(ledger, 100))

  test('sets its amount aside', () => {
    hold(ledger, 'a', 40)
    expect(view()).toMatchObject({ deposited: 100n, authorised: 100n, spent: 0n, reserved: 40n, available: 60n })
  })

  test('may take everything that is available', () => {
    hold(ledger, 'a', 100)
    expect(view().available).toBe(0n)
  })

  test('is refused one nanoTON above what is available, and nothing is set aside', () => {
    expect(codeOf(() => hold(ledger, 'a', 101))).toBe('insufficient-funds')
    expect(view()).toMatchObject({ reserved: 0n, available: 100n })
  })

  test('is refused for the largest amount there is', () => {
    expect(codeOf(() => hold(ledger, 'a', maxNanoton))).toBe('insufficient-funds')
  })

  test('is refused where spent and reserved together leave too little', async () => {
    hold(ledger, 'a', 30)
    await ledger.post(postOf('a', 30))
    hold(ledger, 'b', 50)
    expect(codeOf(() => hold(ledger, 'c', 21))).toBe('insufficient-funds')
    hold(ledger, 'c', 20)
  })

  test('is refused under an id that is reserved', () => {
    hold(ledger, 'a', 1)
    expect(codeOf(() => hold(ledger, 'a', 1))).toBe('duplicate-rid')
    expect(view().reserved).toBe(1n)
  })

  test('is refused under an id that was posted', async () => {
    hold(ledger, 'a', 1)
    await ledger.post(postOf('a', 1))
    expect(codeOf(() => hold(ledger, 'a', 1))).toBe('duplicate-rid')
  })

  test('is refused under an id that was posted before a restart', async () => {
    hold(ledger, 'a', 1)
    await ledger.post(postOf('a', 1))
    await reopen()
    expect(codeOf(() => hold(ledger, 'a', 1))).toBe('duplicate-rid')
    expect(view().reserved).toBe(0n)
  })

  test('is refused on a channel that is not known', () => {
    expect(codeOf(() => hold(ledger, 'a', 1, { channel: 'EQother' }))).toBe('unknown-channel')
  })

  test.each([0, 2, 3] as const)('is refused on a channel of status %i', async status => {
    await fund(ledger, 100, { channel: 'EQother', status })
    expect(codeOf(() => hold(ledger, 'a', 1, { channel: 'EQother' }))).toBe('channel-not-open')
    expect(ledger.account('EQother')!.available).toBe(0n)
  })

  test('is bounded by the deposit where the ceiling is higher, and by the ceiling where the deposit is', async () => {
    await fund(ledger, 0, { channel: 'EQlow-deposit', deposited: 10, ceiling: 50 })
    await fund(ledger, 0, { channel: 'EQlow-ceiling', deposited: 50, ceiling: 10 })
    for (const low of ['EQlow-deposit', 'EQlow-ceiling']) {
      expect(codeOf(() => hold(ledger, `over ${low}`, 11, { channel: low }))).toBe('insufficient-funds')
      hold(ledger, `within ${low}`, 10, { channel: low })
    }
  })

  test('is refused on a channel that the chain was not read for since the start, or for too long', async () => {
    await ledger.close()
    ledger = await openLedger({ file, clock, store: inlineStore(file), mostUnreadMs: 5_000 })
    expect(codeOf(() => hold(ledger, 'a', 1))).toBe('chain-unread')
    const read = () => ledger.noteChain(channel, { status: 1, deposited: n(100), settled: n(0) })
    read()
    hold(ledger, 'a', 1)
    await clock.advance(5_000)
    hold(ledger, 'b', 1)
    await clock.advance(1)
    expect(codeOf(() => hold(ledger, 'c', 1))).toBe('chain-unread')
    expect(ledger.unreadSince()).toBe(startMs)
    expect(view()).toMatchObject({ reserved: 2n })
    // What runs comes to its end.
    await ledger.post(postOf('a', 1))
    read()
    expect(ledger.unreadSince()).toBeUndefined()
    hold(ledger, 'c', 1)
  })

  test('is refused sooner on a channel that says so, and never later', async () => {
    await ledger.close()
    ledger = await openLedger({ file, clock, store: inlineStore(file), mostUnreadMs: 5_000 })
    await fund(ledger, 100, { channel: 'EQshort' })
    await fund(ledger, 100, { channel: 'EQlong' })
    const read = (of: string, mostUnreadMs: number) => ledger.noteChain(of, { status: 1, deposited: n(100), settled: n(0), mostUnreadMs })
    read('EQshort', 2_000)
    read('EQlong', 9_000)
    await clock.advance(2_000)
    hold(ledger, 'a', 1, { channel: 'EQshort' })
    await clock.advance(1)
    expect(codeOf(() => hold(ledger, 'b', 1, { channel: 'EQshort' }))).toBe('chain-unread')
    await clock.advance(2_999)
    hold(ledger, 'c', 1, { channel: 'EQlong' })
    await clock.advance(1)
    expect(codeOf(() => hold(ledger, 'd', 1, { channel: 'EQlong' }))).toBe('chain-unread')
  })

  test('is freed whole by a void, and a second void changes nothing', () => {
    hold(ledger, 'a', 40)
    ledger.void('a')
    ledger.void('a')
    ledger.void('never reserved')
    expect(view()).toMatchObject({ reserved: 0n, available: 100n })
  })

  test('is freed once it has expired, not before', async () => {
    hold(ledger, 'a', 40, { expiresAt: startMs + 60_000 })
    await clock.advance(59_999)
    expect(view().reserved).toBe(40n)
    await clock.advance(15_001)
    expect(view()).toMatchObject({ reserved: 0n, available: 100n })
    await expect(ledger.post(postOf('a', 1))).rejects.toMatchObject({ code: 'no-reservation' })
  })
})

describe('a post', () => {
  beforeEach(async () => {
    await fund(ledger, 100)
    hold(ledger, 'a', 40)
  })

  test('debits the cost and frees the rest, at once', async () => {
    const durable = ledger.post(postOf('a', 15))
    expect(view()).toMatchObject({ spent: 15n, reserved: 0n, available: 85n })
    await durable
  })

  test.each([0, 40])('may cost %i of a reservation of 40', async cost => {
    await ledger.post(postOf('a', cost))
    expect(view()).toMatchObject({ spent: BigInt(cost), reserved: 0n })
  })

  test('above its reservation is refused, and the reservation stays', async () => {
    await expect(ledger.post(postOf('a', 41))).rejects.toMatchObject({ code: 'above-reservation' })
    expect(view()).toMatchObject({ spent: 0n, reserved: 40n })
  })

  test('without a reservation is refused', async () => {
    await expect(ledger.post(postOf('b', 1))).rejects.toMatchObject({ code: 'no-reservation' })
    ledger.void('a')
    await expect(ledger.post(postOf('a', 1))).rejects.toMatchObject({ code: 'no-reservation' })
    expect(view().spent).toBe(0n)
  })

  test('may be repeated and debits once', async () => {
    await Promise.all([ledger.post(postOf('a', 15)), ledger.post(postOf('a', 15))])
    await ledger.post(postOf('a', 15))
    expect(view()).toMatchObject({ spent: 15n, reserved: 0n })
  })

  test('may be repeated after a restart and debits once', async () => {
    await ledger.post(postOf('a', 15))
    await reopen()
    await ledger.post(postOf('a', 15))
    expect(view()).toMatchObject({ spent: 15n, reserved: 0n })
    await expect(ledger.post(postOf('a', 14))).rejects.toMatchObject({ code: 'conflict' })
  })

  test.each([
    ['another cost', postOf('a', 14)],
    ['another receipt', postOf('a', 15, { receipt: utf8('forged') })],
  ])('repeated with %s is refused, and the first one stands', async (_, second) => {
    await ledger.post(postOf('a', 15))
    await expect(ledger.post(second)).rejects.toMatchObject({ code: 'conflict' })
    expect(view().spent).toBe(15n)
    expect((await ledger.receipt('a'))!.receipt.toString()).toBe('receipt of a')
  })

  test('goes through while the channel is closing: the work was done under a reservation', async () => {
    ledger.noteChain(channel, { status: 2, deposited: n(100), settled: n(0) })
    await ledger.post(postOf('a', 15))
    expect(view()).toMatchObject({ status: 2, spent: 15n, available: 0n })
  })
})

describe('what the chain shows', () => {
  beforeEach(() => fund(ledger, 100))

  test('only rises: status, deposit and settlement of an old answer are left aside', () => {
    ledger.noteChain(channel, { status: 2, deposited: n(150), settled: n(20) })
    ledger.noteChain(channel, { status: 1, deposited: n(100), settled: n(10) })
    expect(view()).toMatchObject({ status: 2, deposited: 150n, settled: 20n })
  })

  test('counts as spent as far as it was paid out', () => {
    ledger.noteChain(channel, { status: 1, deposited: n(100), settled: n(30) })
    expect(view()).toMatchObject({ settled: 30n, spent: 30n, available: 70n })
  })

  test('is there again after a restart', async () => {
    ledger.noteChain(channel, { status: 2, deposited: n(150), settled: n(20) })
    const before = view()
    await reopen()
    expect(view()).toEqual(before)
  })

  test('is refused for a channel that is not known', () => {
    expect(codeOf(() => ledger.noteChain('EQother', { status: 1, deposited: n(1), settled: n(0) }))).toBe('unknown-channel')
    expect(ledger.account('EQother')).toBeUndefined()
    expect(ledger.claimable('EQother')).toBeUndefined()
  })
})

describe('an authorisation', () => {
  beforeEach(() => fund(ledger, 100))

  test('raises the ceiling, and its signature is the one to claim with', async () => {
    const signature = Buffer.alloc(64, 9)
    await ledger.authorise(channel, { ceiling: n(120), signature })
    expect(view().authorised).toBe(120n)
    expect(ledger.claimable(channel)!.authorisation).toEqual({ ceiling: 120n, signature })
  })

  test.each([99, 100])('of %i after one of 100 changes nothing', async ceiling => {
    await ledger.authorise(channel, { ceiling: n(ceiling), signature: Buffer.alloc(64, 9) })
    expect(view().authorised).toBe(100n)
    expect(ledger.claimable(channel)!.authorisation!.signature).toEqual(Buffer.alloc(64, 3))
  })

  test('sent out of order ends at the highest, also after a restart', async () => {
    const send = (ceiling: number) => ledger.authorise(channel, { ceiling: n(ceiling), signature: Buffer.alloc(64, ceiling) })
    await Promise.all([send(150), send(130), send(140)])
    expect(view().authorised).toBe(150n)
    expect(ledger.claimable(channel)!.authorisation!.signature).toEqual(Buffer.alloc(64, 150))
    await reopen()
    expect(view().authorised).toBe(150n)
    expect(Buffer.from(ledger.claimable(channel)!.authorisation!.signature)).toEqual(Buffer.alloc(64, 150))
  })

  test('is refused for a channel that is not known', async () => {
    await expect(ledger.authorise('EQother', { ceiling: n(1), signature: Buffer.alloc(64) })).rejects.toMatchObject({
      code: 'unknown-channel',
    })
  })
})
