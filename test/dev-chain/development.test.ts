/** What only a chain for development can do, as the stock `TonClient` meets it: delivery, time, snapshots, faults. */
import { TonClient } from '@ton/ton'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FaultRule } from '../../src/dev-chain/faults.ts'
import { testAddress } from '../support/ton.ts'
import { World } from './world.ts'

let world: World

beforeEach(async () => {
  world = await (await new World().open()).fund()
})
afterEach(() => world.close())

const others = Array.from({ length: 8 }, (_, at) => testAddress(`other ${at}`))
const seqno = async () => (await world.client.getMasterchainInfo()).latestSeqno
const setFaults = (rules: FaultRule[], endpoint = 'main', seed = 0) => world.result('dev_setFaults', { endpoint, rules, seed })
const clientOf = (endpoint: string) => new TonClient({ endpoint: world.chain.endpoint(endpoint), timeout: 500 })

describe('delivery', () => {
  test('holds messages back until their block, which time brings or a miner', async () => {
    await world.result('dev_setDelivery', { min_blocks: 3 })
    await world.send(1, { to: others[0]!, value: 5n })
    expect(await world.result('dev_pending')).toHaveLength(1)
    expect(await world.client.getBalance(others[0]!)).toBe(0n)
    await world.result('dev_mine', { blocks: 2 })
    expect(await world.client.getBalance(others[0]!)).toBe(0n)
    await world.clock.advance(400)
    expect(await world.client.getBalance(others[0]!)).toBe(5n)
    expect(await world.result('dev_pending')).toEqual([])
  })

  test('lets messages of different ways overtake each other, the same with the same seed, and never those of one way', async () => {
    const orders: string[][] = []
    await world.result('dev_snapshot', { name: 'start' })
    for (const seed of [1, 1, 2]) {
      await world.result('dev_restore', { name: 'start' })
      await world.result('dev_setDelivery', { min_blocks: 0, max_blocks: 4, shuffle: true, seed })
      await world.send(1, ...others.map((to, at) => ({ to, value: BigInt(at + 1) })), { to: others[0]!, value: 100n })
      await world.result('dev_mine', { blocks: 5 })
      const arrived = await Promise.all(others.map(async to => (await world.client.getTransactions(to, { limit: 1 }))[0]!.lt))
      orders.push(
        arrived
          .map((lt, at) => ({ lt, at }))
          .toSorted((x, y) => (x.lt < y.lt ? -1 : 1))
          .map(({ at }) => String(at)),
      )
      const [second, first] = await world.client.getTransactions(others[0]!, { limit: 5 })
      const coinsOf = (transaction: typeof first) =>
        transaction!.inMessage!.info.type === 'internal' ? transaction!.inMessage!.info.value.coins : 0n
      expect([coinsOf(first), coinsOf(second)]).toEqual([1n, 100n])
    }
    expect(orders[0]).toEqual(orders[1])
    expect(orders[0]).not.toEqual(orders[2])
    expect(orders[0]).not.toEqual(others.map((_, at) => String(at)))
  })

  test('holds external messages back too, and one that is not good any more by then is dropped', async () => {
    await world.result('dev_setDelivery', { min_blocks: 2, externals: true })
    await world.send(1, { to: others[0]!, value: 5n })
    await world.send(1, { to: others[1]!, value: 6n })
    await world.result('dev_mine', { blocks: 6 })
    expect(await Promise.all(others.slice(0, 2).map(to => world.client.getBalance(to)))).toEqual([5n, 0n])
    expect((await world.client.runMethod(world.wallet.address, 'seqno')).stack.readNumber()).toBe(2)
  })

  test('and what is under way survive a restart', async () => {
    await world.result('dev_setDelivery', { min_blocks: 3 })
    await world.send(1, { to: others[0]!, value: 5n })
    await world.chain.close()
    await world.open()
    expect(await world.result('dev_pending')).toHaveLength(1)
    await world.result('dev_mine', { blocks: 3 })
    expect(await world.client.getBalance(others[0]!)).toBe(5n)
  })
})

describe('time', () => {
  test('makes an empty block for each interval, and none where the interval is 0', async () => {
    const before = await seqno()
    await world.clock.advance(4_000)
    expect(await seqno()).toBe(before + 10)
    await world.result('dev_setBlockInterval', { interval_ms: 0 })
    const stopped = await seqno()
    await world.clock.advance(4_000)
    expect(await seqno()).toBe(stopped)
  })

  test('stands still when frozen, moves when told, and runs on from there', async () => {
    const now = async () => (await world.result<{ now: number }>('dev_info')).now
    const start = await now()
    await world.result('dev_setClock', { mode: 'frozen' })
    await world.clock.advance(60_000)
    expect(await now()).toBe(start)
    await world.result('dev_advanceTime', { seconds: 10 })
    expect(await now()).toBe(start + 10)
    await world.result('dev_setClock', { mode: 'running' })
    await world.clock.advance(6_000)
    expect(await now()).toBe(start + 16)
  })
})

describe('a snapshot', () => {
  test('brings back accounts, transactions, blocks and time, and the chain goes on from there', async () => {
    await world.result('dev_snapshot', { name: 'before' })
    const before = [await world.client.getContractState(world.wallet.address), await world.client.getMasterchainInfo()]
    await world.send(1, { to: others[0]!, value: 5n })
    await world.result('dev_advanceTime', { seconds: 3_600 })
    await world.result('dev_restore', { name: 'before' })
    expect([await world.client.getContractState(world.wallet.address), await world.client.getMasterchainInfo()]).toEqual(before)
    expect(await world.client.getTransactions(others[0]!, { limit: 1 })).toEqual([])
    await world.send(1, { to: others[0]!, value: 7n })
    expect(await world.client.getBalance(others[0]!)).toBe(7n)
  })
})

describe('a fault', () => {
  const balance = (endpoint: string) => clientOf(endpoint).getBalance(world.receiver)

  test('is met at its endpoint alone, and is over when its rules are gone', async () => {
    await setFaults([{ fault: 'error', status: 503 }], 'b')
    await expect(balance('b')).rejects.toThrow(/503/)
    expect(await balance('a')).toBe(1_000_000_000n)
    await setFaults([], 'b')
    expect(await balance('b')).toBe(1_000_000_000n)
  })

  test.each<[string, FaultRule, RegExp]>([
    ['429', { fault: 'rate-limit', per_second: 0.001, burst: 1, skip: 0 }, /429/],
    ['a 502 in HTML', { fault: 'error', status: 502, html: true }, /502/],
    ['a hang', { fault: 'hang' }, /timeout/],
    ['a connection that closes', { fault: 'drop' }, /socket hang up|ECONNRESET/],
    ['half an answer', { fault: 'garble', form: 'cut' }, /Received error/],
    ['text', { fault: 'garble', form: 'text' }, /Received error/],
    ['another shape', { fault: 'garble', form: 'shape' }, /Malformed|Invalid/i],
  ])('%s is an error to TonClient', async (_, rule, words) => {
    await setFaults([rule], 'b')
    if (rule.fault === 'rate-limit') await balance('b')
    await expect(balance('b')).rejects.toThrow(words)
  })

  test('429 lasts until the second is over', async () => {
    await setFaults([{ fault: 'rate-limit', per_second: 1 }], 'b')
    await balance('b')
    await expect(balance('b')).rejects.toThrow(/429/)
    await world.clock.advance(1_000)
    expect(await balance('b')).toBe(1_000_000_000n)
  })

  test('of lag shows the chain as it was, its time included', async () => {
    await world.result('dev_mine', { blocks: 4 })
    await world.send(1, { to: others[0]!, value: 5n })
    await setFaults([{ fault: 'lag', blocks: 3 }], 'b')
    const old = clientOf('b')
    expect(await old.getBalance(others[0]!)).toBe(0n)
    expect((await old.getMasterchainInfo()).latestSeqno).toBe((await seqno()) - 3)
    await world.clock.advance(400 * 3)
    expect(await old.getBalance(others[0]!)).toBe(5n)
  })

  test('of being stuck never moves on', async () => {
    const stuckAt = await seqno()
    await setFaults([{ fault: 'stuck', seqno: stuckAt }], 'b')
    await world.send(1, { to: others[0]!, value: 5n })
    await world.clock.advance(60_000)
    expect((await clientOf('b').getMasterchainInfo()).latestSeqno).toBe(stuckAt)
    expect(await clientOf('b').getBalance(others[0]!)).toBe(0n)
  })

  test('of lying makes two endpoints disagree about one account', async () => {
    await setFaults([{ fault: 'lie', address: world.receiver.toString(), balance: '999' }], 'b')
    expect([await balance('a'), await balance('b')]).toEqual([1_000_000_000n, 999n])
    expect(await clientOf('b').getBalance(world.wallet.address)).toBe(await world.client.getBalance(world.wallet.address))
  })

  test('of swallowing takes a message and loses it; sent again, it arrives', async () => {
    await setFaults([{ fault: 'swallow', count: 1 }], 'b')
    const message = await world.message(1, { to: others[0]!, value: 5n })
    await clientOf('b').sendFile(message)
    expect(await world.client.getBalance(others[0]!)).toBe(0n)
    await clientOf('b').sendFile(message)
    expect(await world.client.getBalance(others[0]!)).toBe(5n)
  })

  test('of dropping after has taken effect, though the caller never hears it', async () => {
    await setFaults([{ fault: 'drop', after: true, methods: ['sendBoc'] }], 'b')
    await expect(clientOf('b').sendFile(await world.message(1, { to: others[0]!, value: 5n }))).rejects.toThrow()
    expect(await world.client.getBalance(others[0]!)).toBe(5n)
  })

  test('comes with its probability, the same calls each time', async () => {
    const run = async (seed: number) => {
      await setFaults([{ fault: 'error', status: 500, probability: 0.5 }], 'b', seed)
      const met: boolean[] = []
      for (let at = 0; at < 40; at++)
        met.push(
          await balance('b').then(
            () => false,
            () => true,
          ),
        )
      const [{ hits } = { hits: -1 }] = await world.result<{ hits: number }[]>('dev_faults', { endpoint: 'b' })
      expect(hits).toBe(met.filter(Boolean).length)
      return met
    }
    const first = await run(3)
    expect(first.filter(Boolean).length).toBeGreaterThan(10)
    expect(first.filter(Boolean).length).toBeLessThan(30)
    expect(await run(3)).toEqual(first)
    expect(await run(4)).not.toEqual(first)
  })
})
