/** Settlements that are slow, that fail, and that fail after they have paid: nothing is paid twice, and nothing is forgotten. */
import { beforeEach, describe, expect, test } from 'vitest'
import { nanoton } from '../../src/lib/nanoton.ts'
import { channelOf } from './support/fake-chain.ts'
import { a, b, pollMs, type Settling, settling } from './support/settling.ts'

let t: Settling

beforeEach(async () => {
  t = await settling()
})

describe('a settlement on its way', () => {
  test('is not sent again, however long it takes', async () => {
    await t.spend(150)
    const go = t.chain.stall()
    const started = t.settlement.start()
    await t.clock.advance(10 * pollMs)
    const all = t.settlement.settleAll()
    await t.clock.advance(10 * pollMs)
    expect(t.chain.calls).toHaveLength(1)
    go()
    await Promise.all([started, all])
    expect(t.chain.calls).toHaveLength(1)
    expect(t.chain.paid).toBe(150n)
  })

  test('does not keep the chain from being read', async () => {
    await t.spend(150)
    const go = t.chain.stall()
    const started = t.settlement.start()
    await t.poll()
    const { reads } = t.chain
    await t.poll()
    await t.poll()
    expect(t.chain.reads).toBeGreaterThan(reads)
    expect(t.chain.calls).toHaveLength(1)
    go()
    await started
  })

  test('is waited for by stop, after which nothing is read or sent', async () => {
    await t.settlement.start()
    await t.spend(150)
    const go = t.chain.stall()
    await t.poll()
    let stopped = false
    const stop = t.settlement.stop().then(() => {
      stopped = true
    })
    await t.poll()
    expect(stopped).toBe(false)
    go()
    await stop
    const { reads } = t.chain
    await t.spend(150)
    await t.clock.advance(10 * pollMs)
    expect(t.chain.reads).toBe(reads)
    expect(t.claims()).toEqual([[150n]])
  })
})

describe('after a failure', () => {
  const down = new Error('the endpoint answered 503')

  test('before anything was sent, the next round settles', async () => {
    await t.spend(150)
    t.chain.settleFailure = { error: down, when: 'before' }
    await t.settlement.start()
    expect(t.chain.paid).toBe(0n)
    expect(t.logged).toContainEqual(expect.objectContaining({ level: 40, cause: down.message }))
    t.chain.settleFailure = undefined
    await t.poll()
    expect(t.claims()).toEqual([[150n], [150n]])
    expect(t.chain.paid).toBe(150n)
  })

  test('after the chain had paid, the next round sees it and sends nothing', async () => {
    await t.spend(150)
    t.chain.settleFailure = { error: down, when: 'after' }
    await t.settlement.start()
    expect(t.settledOf()).toBe(0n)
    t.chain.settleFailure = undefined
    await t.poll()
    expect(t.claims()).toEqual([[150n]])
    expect(t.settledOf()).toBe(150n)
    expect(t.chain.paid).toBe(150n)
  })

  test('and an old answer on top, it claims the same amount again, which pays nothing', async () => {
    await t.spend(150)
    t.chain.settleFailure = { error: down, when: 'after' }
    t.chain.stale = new Map(t.chain.channels)
    await t.settlement.start()
    t.chain.settleFailure = undefined
    await t.poll()
    expect(t.claims()).toEqual([[150n], [150n]])
    expect(t.chain.paid).toBe(150n)
    expect(t.settledOf()).toBe(150n)
    await t.poll()
    expect(t.chain.calls).toHaveLength(2)
  })

  test('that paid a part, the rest follows', async () => {
    await t.spend(300)
    t.chain.most = 200n
    await t.settlement.start()
    expect(t.settledOf()).toBe(200n)
    expect(t.logged).toContainEqual(expect.objectContaining({ level: 40, outcome: 'partly' }))
    await t.poll()
    expect(t.chain.paid).toBe(300n)
    expect(t.settledOf()).toBe(300n)
  })

  test('to read the chain, the next round reads it', async () => {
    await t.spend(150)
    t.chain.readFailure = { error: down }
    await t.settlement.start()
    expect(t.logged).toContainEqual(expect.objectContaining({ level: 40, cause: down.message }))
    t.chain.readFailure = undefined
    await t.poll()
    expect(t.chain.paid).toBe(150n)
  })

  test('to read one channel, the others are settled all the same', async () => {
    await t.know(b)
    await t.spend(150)
    await t.spend(250, b)
    t.chain.readFailure = { error: down, channel: a.name }
    await t.settlement.start()
    expect(t.claims()).toEqual([[250n]])
    expect(t.settledOf(b)).toBe(250n)
    expect(t.logged).toContainEqual(expect.objectContaining({ level: 40, channel: a.name, cause: down.message }))
    t.chain.readFailure = undefined
    await t.poll()
    expect(t.settledOf(a)).toBe(150n)
    expect(t.chain.paid).toBe(400n)
  })

  test('to read three in a row, it asks for no more of them in that round', async () => {
    for (const salt of [8n, 9n, 10n, 11n]) await t.know(channelOf({ salt }))
    t.chain.readFailure = { error: down }
    await t.settlement.start()
    expect(t.chain.reads).toBe(3)
    await t.poll()
    expect(t.chain.reads).toBe(6)
  })

  test('that the chain would call a forgery, it says so as an error and goes on with the others', async () => {
    await t.know(b)
    await t.ledger.authorise(b.name, { ceiling: nanoton(999n), signature: a.authorise(999) })
    await t.spend(150)
    await t.spend(250, b)
    await t.settlement.start()
    expect(t.logged).toContainEqual(expect.objectContaining({ level: 50, channel: b.name, outcome: 'refused' }))
    expect(t.chain.paid).toBe(150n)
  })
})
