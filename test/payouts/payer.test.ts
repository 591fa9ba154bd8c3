/** The proxy's side, against a real payee: a channel is opened, kept up, paid on and closed by itself, whatever comes between. */
import { describe, expect, test } from 'vitest'
import { nanoton } from '../../src/lib/nanoton.ts'
import { Payer } from '../../src/payouts/index.ts'
import { channelStatus, keyPairOf } from './support.ts'
import { payeeKey, rid, setUp, ton, work } from './world.ts'

type World = ReturnType<typeof setUp>
const ready = async (changes?: Parameters<typeof setUp>[0]): Promise<World> => {
  const world = setUp(changes)
  await world.clock.advance(2_000)
  expect(world.payer.isReady('worker-1')).toBe(true)
  return world
}
const held = (world: World) => world.payee.channels()[0]!
const problem = (world: World) => world.payer.statuses()[0]!.problem

describe('a channel to a worker', () => {
  test('is opened by itself, with the deposit, and brought to the worker', async () => {
    const world = await ready()
    expect(world.chain.sent).toHaveLength(1)
    expect(held(world)).toMatchObject({ deposited: ton(0.99), ceiling: 0n })
    expect(world.asked).toEqual(['GET /v1/pay', 'POST /v1/pay/channel'])
  })

  test('waits for a lease', async () => {
    const world = setUp()
    world.hasLease = false
    await world.clock.advance(5_000)
    expect([world.payer.isReady('worker-1'), world.asked, world.chain.sent.length]).toEqual([false, [], 0])
    expect(world.payer.hold('worker-1', ton(0.01))).toBeUndefined()
    world.hasLease = true
    await world.clock.advance(1_000)
    expect(world.payer.isReady('worker-1')).toBe(true)
  })

  test.each<[string, Parameters<typeof setUp>[0], RegExp]>([
    ['another worker', { offer: { worker: 'other' } }, /names another worker/],
    ['another chain', { offer: { chain: -239 } }, /paid on chain -239/],
    ['too long a challenge', { offer: { challengePeriod: 8 * 86_400 } }, /longest_challenge_seconds/],
    ['more than is locked', { offer: { minimumDeposit: ton(1.1) } }, /payments.workers.deposit/],
    ['a floor of all that is locked', { offer: { floor: ton(1) } }, /payments.workers.deposit/],
  ])('is not opened on terms of %s, and it says so', async (_, changes, words) => {
    const world = setUp(changes)
    await world.clock.advance(5_000)
    expect([world.payer.isReady('worker-1'), world.chain.sent.length]).toEqual([false, 0])
    expect(problem(world)).toMatch(words)
  })

  test('is not opened on terms that another key than the attested one has signed', async () => {
    const world = setUp()
    world.options.workers[0]!.receiptKey = () => keyPairOf(Buffer.alloc(32, 8)).publicKey
    await world.clock.advance(5_000)
    expect(world.chain.sent).toEqual([])
    expect(problem(world)).toMatch(/not signed by the worker's receipt key/)
  })

  test('is topped up when little is free, and the worker hears of it', async () => {
    const world = await ready()
    work(world, rid(1), ton(0.3))
    await world.clock.advance(300)
    work(world, rid(2), ton(0.3))
    await world.clock.advance(31_000)
    expect(world.chain.sent).toHaveLength(2)
    expect(held(world).deposited).toBe(ton(1.99))
  })

  test('is the same after a restart, and nothing is paid again', async () => {
    const world = await ready()
    work(world, rid(1), 100n)
    await world.clock.advance(300)
    const second = new Payer(world.options)
    second.start()
    await world.clock.advance(2_000)
    expect(second.isReady('worker-1')).toBe(true)
    expect([world.chain.sent.length, second.statuses()[0]!.earned, held(world).ceiling]).toEqual([1, 100n, 100n])
  })

  test('that was begun before a crash is funded after it, at the same address', async () => {
    const world = setUp()
    world.chain.send([]).catch(() => {})
    world.options.wallet.send = () => Promise.reject(new Error('killed'))
    await world.clock.advance(1_500)
    const [kept] = world.owings.channels()
    expect([kept!.status, world.owings.channels().length]).toEqual([channelStatus.new, 1])
    world.options.wallet.send = world.chain.send
    const second = new Payer(world.options)
    second.start()
    await world.clock.advance(2_000)
    expect(second.isReady('worker-1')).toBe(true)
    expect(world.owings.channels().map(({ address }) => address)).toEqual([kept!.address])
  })

  test('of a worker with another key is closed by time, and only then another is opened', async () => {
    const world = await ready()
    const first = world.owings.channels()[0]!.address
    const other = keyPairOf(Buffer.alloc(32, 55))
    world.payee = world.anew(other)
    await world.clock.advance(31_000)
    expect(world.chain.channels.get(first)!.status).toBe(channelStatus.closing)
    expect(world.payer.isReady('worker-1')).toBe(false)
    await world.clock.advance(3_500_000)
    expect(world.chain.channels.size).toBe(1)
    await world.clock.advance(200_000)
    expect(world.chain.channels.get(first)!.status).toBe(channelStatus.closed)
    expect(world.payer.isReady('worker-1')).toBe(true)
    expect(world.chain.channels.size).toBe(2)
  })
})

describe('a request', () => {
  test('is held only where the channel covers it and the floor', async () => {
    const world = await ready()
    const first = world.payer.hold('worker-1', ton(0.9))
    expect(first).toBeDefined()
    expect(world.payer.hold('worker-1', ton(0.05))).toBeUndefined()
    first!.end(undefined)
    expect(world.payer.hold('worker-1', ton(0.94))).toBeDefined()
  })

  test('is signed for a quarter of a second later, together with what came meanwhile', async () => {
    const world = await ready()
    for (let n = 1; n <= 20; n++) work(world, rid(n), 10n)
    await world.clock.advance(249)
    expect(held(world)).toMatchObject({ ceiling: 0n, owed: 200n })
    await world.clock.advance(1)
    expect(held(world)).toMatchObject({ ceiling: 200n, owed: 0n })
    expect(world.asked.filter(path => path === 'POST /v1/pay/payment')).toHaveLength(1)
  })

  test('is signed for at once where half of the credit is used', async () => {
    const world = await ready()
    work(world, rid(1), ton(0.025))
    await world.clock.advance(1)
    expect(held(world).ceiling).toBe(ton(0.025))
  })

  test('of which nothing arrived is told to the worker as nothing', async () => {
    const world = await ready()
    work(world, rid(1), 10n, { finish: 'lost', arrived: false })
    await world.clock.advance(300)
    expect(held(world)).toMatchObject({ ceiling: 0n, owed: 0n })
  })

  test('never earns more than was set aside for it', async () => {
    const world = await ready()
    world.payer.hold('worker-1', nanoton(5n))!.end({ rid: rid(1), amount: nanoton(50n) })
    expect(world.payer.statuses()[0]!.earned).toBe(5n)
  })

  test('that the worker calls uncovered makes the channel be brought again', async () => {
    const world = await ready()
    world.payer.hold('worker-1', nanoton(5n))!.refused()
    expect(world.payer.hold('worker-1', nanoton(5n))).toBeUndefined()
    await world.clock.advance(100)
    expect(world.payer.hold('worker-1', nanoton(5n))).toBeDefined()
    expect(world.asked.filter(path => path === 'POST /v1/pay/channel')).toHaveLength(2)
  })
})

describe('a payment', () => {
  test('whose answer was lost is sent again, and counts once', async () => {
    const world = await ready()
    world.intercept = (_, path, body) => {
      if (!path.endsWith('/payment')) return undefined
      world.intercept = undefined
      void world.options.workers[0]!.ask('POST', path, body)
      throw new Error('the line broke')
    }
    work(world, rid(1), 10n)
    await world.clock.advance(300)
    work(world, rid(2), 10n)
    await world.clock.advance(300)
    expect(held(world)).toMatchObject({ ceiling: 20n, owed: 0n })
    expect(world.payer.statuses()[0]).toMatchObject({ earned: 20n, signed: 20n })
  })

  test('goes on from a worker that lost its book: all of it is signed for again, in one channel', async () => {
    const world = await ready()
    for (let n = 1; n <= 3; n++) work(world, rid(n), 10n)
    await world.clock.advance(300)
    world.payee = world.anew(payeeKey)
    world.payer.hold('worker-1', nanoton(5n))!.end({ rid: rid(4), amount: nanoton(5n) })
    await world.clock.advance(31_000)
    expect(held(world)).toMatchObject({ ceiling: 35n })
    expect(world.chain.sent).toHaveLength(1)
  })

  test('goes on from a proxy whose book is an older one: what it signed stays signed', async () => {
    const world = await ready()
    work(world, rid(1), 100n)
    await world.clock.advance(300)
    // The book of before: the channel is known, the job is not.
    world.owings.noteSent({ ...world.owings.channels()[0]!, earned: nanoton(0n), sent: nanoton(0n), sentSeq: 1_000 })
    const second = new Payer(world.options)
    second.start()
    await world.clock.advance(2_000)
    expect(second.statuses()[0]).toMatchObject({ earned: 100n, signed: 100n })
  })

  test('does not believe a worker that claims more than was ever signed', async () => {
    const world = await ready()
    world.intercept = (_, path) =>
      path.endsWith('/payment') ? { status: 409, text: JSON.stringify({ ceiling: '999', signature: '00'.repeat(64) }) } : undefined
    work(world, rid(1), 10n)
    await world.clock.advance(300)
    expect(problem(world)).toMatch(/signature/)
    expect(world.payer.statuses()[0]!.earned).toBe(10n)
  })

  test('is made for more jobs than one message holds', async () => {
    const world = await ready()
    const id = (n: number) =>
      Buffer.alloc(16)
        .fill(n & 0xff)
        .fill(n >> 8, 8)
        .toString('base64url')
    for (let n = 0; n < 2_500; n++) work(world, id(n), 1n)
    await world.clock.advance(300)
    expect(held(world)).toMatchObject({ ceiling: 2_500n, owed: 0n })
    expect(world.asked.filter(path => path === 'POST /v1/pay/payment')).toHaveLength(3)
  })

  test('is made for what is left at a stop', async () => {
    const world = await ready()
    work(world, rid(1), 10n)
    await world.payer.stop()
    expect(held(world).ceiling).toBe(10n)
  })
})
