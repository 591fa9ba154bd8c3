/** When spending goes on chain, and when it does not. */
import { beforeEach, describe, expect, test } from 'vitest'
import { nanoton } from '../../src/lib/nanoton.ts'
import { verifyClaim } from '../../src/payment-channel/index.ts'
import { postOf } from '../ledger/support/books.ts'
import { testChain } from '../support/ton-config.ts'
import { channelOf, payee } from './support/fake-chain.ts'
import { a, b, pollMs, type Settling, settling } from './support/settling.ts'

let t: Settling

beforeEach(async () => {
  t = await settling()
})

describe('spending', () => {
  test('is settled once it reaches the threshold, not one nanoTON before', async () => {
    await t.spend(99)
    await t.settlement.start()
    await t.poll()
    expect(t.chain.calls).toEqual([])
    await t.spend(1)
    await t.poll()
    expect(t.claims()).toEqual([[100n]])
    expect(t.chain.paid).toBe(100n)
    expect(t.settledOf()).toBe(100n)
    expect(t.logged).toContainEqual(expect.objectContaining({ level: 30, channel: a.name, outcome: 'settled', settled: '100' }))
  })

  test('is settled at the start, where a run before left it', async () => {
    await t.spend(150)
    await t.settlement.start()
    expect(t.chain.paid).toBe(150n)
  })

  test('is counted from what is settled already', async () => {
    await t.spend(150)
    await t.settlement.start()
    await t.spend(99)
    await t.poll()
    expect(t.claims()).toEqual([[150n]])
    await t.spend(1)
    await t.poll()
    expect(t.claims()).toEqual([[150n], [250n]])
    expect(t.chain.paid).toBe(250n)
  })

  test("is claimed with the statement's newest hash, signed by the payee, under the highest ceiling", async () => {
    await t.spend(150)
    const { root } = t.ledger.claimable(a.name)!
    await t.ledger.authorise(a.name, { ceiling: nanoton(950n), signature: a.authorise(950) })
    await t.settlement.start()
    const [order] = t.chain.calls[0]!
    expect(order!.authorization.ceiling).toBe(950n)
    expect(order!.claim).toMatchObject({ amount: 150n, root })
    verifyClaim(payee.publicKey, { chain: testChain, channel: a.address, amount: nanoton(150n), root }, order!.claim.signature)
  })

  test('is claimed only after the claim itself is stored', async () => {
    await t.spend(150)
    await t.ledger.flushed()
    const go = t.store.stall()
    const started = t.settlement.start()
    await t.clock.advance(0)
    expect(t.store.batches.at(-1)!.map(([name]) => name)).toEqual(['claim'])
    expect(t.chain.calls).toEqual([])
    go()
    await started
    expect(t.claims()).toEqual([[150n]])
  })

  test('is not claimed before it is stored itself', async () => {
    await t.spend(150)
    const rid = t.reserve(100)
    await t.ledger.flushed()
    const go = t.store.stall()
    const post = t.ledger.post(postOf(rid, 100))
    const started = t.settlement.start()
    await t.clock.advance(0)
    go()
    await Promise.all([post, started])
    expect(t.claims()).toEqual([[150n]])
  })

  test('is not claimed while it is only reserved', async () => {
    t.reserve(500)
    await t.settlement.start()
    await t.settlement.settleAll()
    expect(t.chain.calls).toEqual([])
  })

  test('of several channels goes in one call, and only that which is worth it', async () => {
    await t.know(b)
    const c = channelOf({ salt: 9n })
    await t.know(c)
    await t.spend(100)
    await t.spend(200, b)
    await t.spend(50, c)
    await t.settlement.start()
    expect(t.claims()).toEqual([[100n, 200n]])
    expect([t.settledOf(a), t.settledOf(b), t.settledOf(c)]).toEqual([100n, 200n, 0n])
  })
})

test('once stopped, it looks at nothing any more', async () => {
  await t.settlement.start()
  await t.settlement.stop()
  const { reads } = t.chain
  await t.spend(150)
  await t.clock.advance(10 * pollMs)
  expect(t.chain.reads).toBe(reads)
  expect(t.chain.calls).toEqual([])
})

test('a channel with a short challenge period is read 24 times within it, until it is closed', async () => {
  const hasty = channelOf({ challengePeriod: 60, salt: 9n })
  await t.know(hasty)
  await t.settlement.start()
  const readsWithin = async (ms: number) => {
    const before = t.chain.reads
    for (let at = 0; at < ms; at += 500) await t.clock.advance(500)
    return t.chain.reads - before
  }
  expect(await readsWithin(60_000)).toBe(2 * 24)
  t.chain.put(hasty, { status: 3 })
  await t.clock.advance(2_500)
  expect(await readsWithin(10 * pollMs)).toBe(2 * 10)
})

test('a channel may go unread for half its challenge period at most', async () => {
  const hasty = channelOf({ challengePeriod: 60, salt: 9n })
  await t.know(hasty)
  await t.settlement.start()
  t.chain.readFailure = { error: new Error('no chain') }
  await t.clock.advance(30_000)
  t.reserve(1, hasty)
  await t.clock.advance(1)
  expect(() => t.reserve(1, hasty)).toThrow(expect.objectContaining({ code: 'chain-unread' }))
  t.reserve(1, a)
})

describe('at shutdown', () => {
  test('all that was spent is settled, however little', async () => {
    await t.settlement.start()
    await t.spend(1)
    await t.settlement.stop()
    await t.settlement.settleAll()
    expect(t.chain.paid).toBe(1n)
    await t.settlement.settleAll()
    expect(t.chain.calls).toHaveLength(1)
  })

  test('what is still on its way to the disk is waited for', async () => {
    const rid = t.reserve(7)
    await t.ledger.flushed()
    const go = t.store.stall()
    const post = t.ledger.post(postOf(rid, 7))
    const settled = t.settlement.settleAll()
    await t.clock.advance(0)
    go()
    await Promise.all([post, settled])
    expect(t.chain.paid).toBe(7n)
  })

  test('a chain that does not take it is reported, by what it said', async () => {
    await t.spend(1)
    t.chain.settleFailure = { error: new Error('no'), when: 'before' }
    await expect(t.settlement.settleAll()).rejects.toBe(t.chain.settleFailure.error)
    t.chain.settleFailure = undefined
    await t.know(b)
    await t.spend(2, b)
    t.chain.readFailure = { error: new Error('not now'), channel: a.name }
    await expect(t.settlement.settleAll()).rejects.toBe(t.chain.readFailure.error)
    expect(t.chain.paid).toBe(2n)
    t.chain.readFailure = undefined
    await t.settlement.settleAll()
    expect(t.chain.paid).toBe(3n)
  })

  test('where nothing was spent nothing is sent', async () => {
    await t.settlement.settleAll()
    expect(t.chain.calls).toEqual([])
  })
})

describe('what the chain shows', () => {
  test('is adopted: a top-up, a settlement by somebody else, a close', async () => {
    await t.settlement.start()
    t.chain.put(a, { deposited: 2_000, settled: 50 })
    await t.poll()
    expect(t.ledger.account(a.name)).toMatchObject({ status: 1, deposited: 2_000n, settled: 50n, spent: 50n })
    t.chain.put(a, { status: 3, deposited: 2_000, settled: 50 })
    await t.poll()
    expect(t.ledger.account(a.name)).toMatchObject({ status: 3, available: 0n })
  })

  test('is left aside where it is older, or where the account is gone', async () => {
    t.chain.put(a, { deposited: 500 })
    await t.settlement.start()
    expect(t.ledger.account(a.name)!.deposited).toBe(1_000n)
    t.chain.channels.clear()
    await t.poll()
    expect(t.ledger.account(a.name)).toMatchObject({ status: 1, deposited: 1_000n })
  })

  test('answers a close that the payer started: at once, however little, and takes no more work', async () => {
    await t.spend(1)
    await t.settlement.start()
    expect(t.chain.calls).toEqual([])
    const running = t.reserve(10)
    t.chain.put(a, { status: 2 })
    await t.poll()
    expect(t.claims()).toEqual([[1n]])
    expect(() => t.reserve(1)).toThrow(expect.objectContaining({ code: 'channel-not-open' }))
    // Work that was under way when the close began is paid as well.
    await t.ledger.post(postOf(running, 10))
    await t.poll()
    expect(t.claims()).toEqual([[1n], [11n]])
    expect(t.chain.paid).toBe(11n)
  })

  test('leaves nothing to claim once the channel is closed', async () => {
    await t.spend(150)
    t.chain.put(a, { status: 3 })
    await t.settlement.start()
    await t.settlement.settleAll()
    expect(t.chain.calls).toEqual([])
  })
})
