/** When spending goes on chain, when it does not, and that no failure pays twice. */
import pino from 'pino'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Ledger, openLedger } from '../../src/ledger/index.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { verifyClaim } from '../../src/payment-channel/index.ts'
import { Settlement } from '../../src/settlement/index.ts'
import { postOf, startMs, temporaryFile } from '../ledger/support/books.ts'
import { inlineStore, SteppedStore } from '../ledger/support/stores.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testChain } from '../support/ton-config.ts'
import { channelOf, FakeChain, payee } from './support/fake-chain.ts'

const pollMs = 10_000
const a = channelOf()
const b = channelOf({ salt: 8n })

let clock: ManualClock
let chain: FakeChain
let store: SteppedStore
let ledger: Ledger
let settlement: Settlement
let logged: Record<string, unknown>[]

beforeEach(async () => {
  clock = new ManualClock(startMs)
  chain = new FakeChain()
  const file = temporaryFile()
  store = new SteppedStore(inlineStore(file))
  ledger = await openLedger({ file, clock, store })
  logged = []
  settlement = new Settlement({
    ...{ ledger, chain, clock, pollMs, chainId: testChain, payeeKey: payee.privateKey, threshold: nanoton(100n) },
    logger: pino({ level: 'info', base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
  })
  onTestFinished(async () => {
    await settlement.stop()
    await ledger.close()
  })
  await know(a)
})

/** Puts a channel on the chain and into the ledger, with a signed ceiling of 900. */
async function know(channel: typeof a): Promise<void> {
  chain.put(channel)
  await ledger.openChannel({ address: channel.name, terms: '{}', payerKey: Buffer.alloc(32), payeeKeyId: '' })
  ledger.noteChain(channel.name, { status: 1, deposited: nanoton(1_000n), settled: nanoton(0n) })
  await ledger.authorise(channel.name, { ceiling: nanoton(900n), signature: channel.authorise(900) })
}

let spends = 0
function reserve(cost: number, channel = a): string {
  const rid = `rid-${++spends}`
  ledger.reserve({ rid, channel: channel.name, amount: nanoton(BigInt(cost)), expiresAt: startMs + 10 ** 9 })
  return rid
}
async function spend(cost: number, channel = a): Promise<void> {
  await ledger.post(postOf(reserve(cost, channel), cost))
}
const poll = () => clock.advance(pollMs)
const settledOf = (channel = a) => ledger.account(channel.name)!.settled
const claims = () => chain.calls.map(orders => orders.map(({ claim }) => claim.amount))

describe('spending', () => {
  test('is settled once it reaches the threshold, not one nanoTON before', async () => {
    await spend(99)
    await settlement.start()
    await poll()
    expect(chain.calls).toEqual([])
    await spend(1)
    await poll()
    expect(claims()).toEqual([[100n]])
    expect(chain.paid).toBe(100n)
    expect(settledOf()).toBe(100n)
    expect(logged).toContainEqual(expect.objectContaining({ level: 30, channel: a.name, outcome: 'settled', settled: '100' }))
  })

  test('is settled at the start, where a run before left it', async () => {
    await spend(150)
    await settlement.start()
    expect(chain.paid).toBe(150n)
  })

  test('is counted from what is settled already', async () => {
    await spend(150)
    await settlement.start()
    await spend(99)
    await poll()
    expect(claims()).toEqual([[150n]])
    await spend(1)
    await poll()
    expect(claims()).toEqual([[150n], [250n]])
    expect(chain.paid).toBe(250n)
  })

  test("is claimed with the statement's newest hash, signed by the payee, under the highest ceiling", async () => {
    await spend(150)
    const { root } = ledger.claimable(a.name)!
    await ledger.authorise(a.name, { ceiling: nanoton(950n), signature: a.authorise(950) })
    await settlement.start()
    const [order] = chain.calls[0]!
    expect(order!.authorization.ceiling).toBe(950n)
    expect(order!.claim).toMatchObject({ amount: 150n, root })
    verifyClaim(payee.publicKey, { chain: testChain, channel: a.address, amount: nanoton(150n), root }, order!.claim.signature)
  })

  test('is claimed only after the claim itself is stored', async () => {
    await spend(150)
    await ledger.flushed()
    const go = store.stall()
    const started = settlement.start()
    await clock.advance(0)
    expect(store.batches.at(-1)!.map(([name]) => name)).toEqual(['claim'])
    expect(chain.calls).toEqual([])
    go()
    await started
    expect(claims()).toEqual([[150n]])
  })

  test('is not claimed before it is stored itself', async () => {
    await spend(150)
    const rid = reserve(100)
    await ledger.flushed()
    const go = store.stall()
    const post = ledger.post(postOf(rid, 100))
    const started = settlement.start()
    await clock.advance(0)
    go()
    await Promise.all([post, started])
    expect(claims()).toEqual([[150n]])
  })

  test('is not claimed while it is only reserved', async () => {
    reserve(500)
    await settlement.start()
    await settlement.settleAll()
    expect(chain.calls).toEqual([])
  })

  test('of several channels goes in one call, and only that which is worth it', async () => {
    await know(b)
    const c = channelOf({ salt: 9n })
    await know(c)
    await spend(100)
    await spend(200, b)
    await spend(50, c)
    await settlement.start()
    expect(claims()).toEqual([[100n, 200n]])
    expect([settledOf(a), settledOf(b), settledOf(c)]).toEqual([100n, 200n, 0n])
  })
})

describe('a settlement on its way', () => {
  test('is not sent again, however long it takes', async () => {
    await spend(150)
    const go = chain.stall()
    const started = settlement.start()
    await clock.advance(10 * pollMs)
    const all = settlement.settleAll()
    await clock.advance(10 * pollMs)
    expect(chain.calls).toHaveLength(1)
    go()
    await Promise.all([started, all])
    expect(chain.calls).toHaveLength(1)
    expect(chain.paid).toBe(150n)
  })

  test('is waited for by stop, after which nothing is read or sent', async () => {
    await settlement.start()
    await spend(150)
    const go = chain.stall()
    await poll()
    let stopped = false
    const stop = settlement.stop().then(() => {
      stopped = true
    })
    await poll()
    expect(stopped).toBe(false)
    go()
    await stop
    const { reads } = chain
    await spend(150)
    await clock.advance(10 * pollMs)
    expect(chain.reads).toBe(reads)
    expect(claims()).toEqual([[150n]])
  })
})

test('once stopped, it looks at nothing any more', async () => {
  await settlement.start()
  await settlement.stop()
  const { reads } = chain
  await spend(150)
  await clock.advance(10 * pollMs)
  expect(chain.reads).toBe(reads)
  expect(chain.calls).toEqual([])
})

describe('after a failure', () => {
  const down = new Error('the endpoint answered 503')

  test('before anything was sent, the next round settles', async () => {
    await spend(150)
    chain.settleFailure = { error: down, when: 'before' }
    await settlement.start()
    expect(chain.paid).toBe(0n)
    expect(logged).toContainEqual(expect.objectContaining({ level: 40, cause: down.message }))
    chain.settleFailure = undefined
    await poll()
    expect(claims()).toEqual([[150n], [150n]])
    expect(chain.paid).toBe(150n)
  })

  test('after the chain had paid, the next round sees it and sends nothing', async () => {
    await spend(150)
    chain.settleFailure = { error: down, when: 'after' }
    await settlement.start()
    expect(settledOf()).toBe(0n)
    chain.settleFailure = undefined
    await poll()
    expect(claims()).toEqual([[150n]])
    expect(settledOf()).toBe(150n)
    expect(chain.paid).toBe(150n)
  })

  test('and an old answer on top, it claims the same amount again, which pays nothing', async () => {
    await spend(150)
    chain.settleFailure = { error: down, when: 'after' }
    chain.stale = new Map(chain.channels)
    await settlement.start()
    chain.settleFailure = undefined
    await poll()
    expect(claims()).toEqual([[150n], [150n]])
    expect(chain.paid).toBe(150n)
    expect(settledOf()).toBe(150n)
    await poll()
    expect(chain.calls).toHaveLength(2)
  })

  test('that paid a part, the rest follows', async () => {
    await spend(300)
    chain.most = 200n
    await settlement.start()
    expect(settledOf()).toBe(200n)
    expect(logged).toContainEqual(expect.objectContaining({ level: 40, outcome: 'partly' }))
    await poll()
    expect(chain.paid).toBe(300n)
    expect(settledOf()).toBe(300n)
  })

  test('to read the chain, the next round reads it', async () => {
    await spend(150)
    chain.readFailure = { error: down }
    await settlement.start()
    expect(logged).toContainEqual(expect.objectContaining({ level: 40, cause: down.message }))
    chain.readFailure = undefined
    await poll()
    expect(chain.paid).toBe(150n)
  })

  test('to read one channel, the others are settled all the same', async () => {
    await know(b)
    await spend(150)
    await spend(250, b)
    chain.readFailure = { error: down, channel: a.name }
    await settlement.start()
    expect(claims()).toEqual([[250n]])
    expect(settledOf(b)).toBe(250n)
    expect(logged).toContainEqual(expect.objectContaining({ level: 40, channel: a.name, cause: down.message }))
    chain.readFailure = undefined
    await poll()
    expect(settledOf(a)).toBe(150n)
    expect(chain.paid).toBe(400n)
  })

  test('to read three in a row, it asks for no more of them in that round', async () => {
    for (const salt of [8n, 9n, 10n, 11n]) await know(channelOf({ salt }))
    chain.readFailure = { error: down }
    await settlement.start()
    expect(chain.reads).toBe(3)
    await poll()
    expect(chain.reads).toBe(6)
  })

  test('that the chain would call a forgery, it says so as an error and goes on with the others', async () => {
    await know(b)
    await ledger.authorise(b.name, { ceiling: nanoton(999n), signature: a.authorise(999) })
    await spend(150)
    await spend(250, b)
    await settlement.start()
    expect(logged).toContainEqual(expect.objectContaining({ level: 50, channel: b.name, outcome: 'refused' }))
    expect(chain.paid).toBe(150n)
  })
})

describe('at shutdown', () => {
  test('all that was spent is settled, however little', async () => {
    await settlement.start()
    await spend(1)
    await settlement.stop()
    await settlement.settleAll()
    expect(chain.paid).toBe(1n)
    await settlement.settleAll()
    expect(chain.calls).toHaveLength(1)
  })

  test('a chain that does not take it is reported, by what it said', async () => {
    await spend(1)
    chain.settleFailure = { error: new Error('no'), when: 'before' }
    await expect(settlement.settleAll()).rejects.toBe(chain.settleFailure.error)
    chain.settleFailure = undefined
    await know(b)
    await spend(2, b)
    chain.readFailure = { error: new Error('not now'), channel: a.name }
    await expect(settlement.settleAll()).rejects.toBe(chain.readFailure.error)
    expect(chain.paid).toBe(2n)
    chain.readFailure = undefined
    await settlement.settleAll()
    expect(chain.paid).toBe(3n)
  })

  test('where nothing was spent nothing is sent', async () => {
    await settlement.settleAll()
    expect(chain.calls).toEqual([])
  })
})

describe('what the chain shows', () => {
  test('is adopted: a top-up, a settlement by somebody else, a close', async () => {
    await settlement.start()
    chain.put(a, { deposited: 2_000, settled: 50 })
    await poll()
    expect(ledger.account(a.name)).toMatchObject({ status: 1, deposited: 2_000n, settled: 50n, spent: 50n })
    chain.put(a, { status: 3, deposited: 2_000, settled: 50 })
    await poll()
    expect(ledger.account(a.name)).toMatchObject({ status: 3, available: 0n })
  })

  test('is left aside where it is older, or where the account is gone', async () => {
    chain.put(a, { deposited: 500 })
    await settlement.start()
    expect(ledger.account(a.name)!.deposited).toBe(1_000n)
    chain.channels.clear()
    await poll()
    expect(ledger.account(a.name)).toMatchObject({ status: 1, deposited: 1_000n })
  })

  test('answers a close that the payer started: at once, however little, and takes no more work', async () => {
    await spend(1)
    await settlement.start()
    expect(chain.calls).toEqual([])
    const running = reserve(10)
    chain.put(a, { status: 2 })
    await poll()
    expect(claims()).toEqual([[1n]])
    expect(() => reserve(1)).toThrow(expect.objectContaining({ code: 'channel-not-open' }))
    // Work that was under way when the close began is paid as well.
    await ledger.post(postOf(running, 10))
    await poll()
    expect(claims()).toEqual([[1n], [11n]])
    expect(chain.paid).toBe(11n)
  })

  test('leaves nothing to claim once the channel is closed', async () => {
    await spend(150)
    chain.put(a, { status: 3 })
    await settlement.start()
    await settlement.settleAll()
    expect(chain.calls).toEqual([])
  })
})
