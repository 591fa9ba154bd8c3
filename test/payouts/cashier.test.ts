/** When a worker looks at its channels, and when it cashes: a close is never missed, and one channel never stands in the way of another. */
import type { Address } from '@ton/core'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../src/lib/logger.ts'
import { nanoton, zero } from '../../src/lib/nanoton.ts'
import { channelAddress, type SettlementOrder, type SettlementResult, signAuthorization } from '../../src/payment-channel/index.ts'
import { Cashier, EarningsBook, markKeyOf, Payee } from '../../src/payouts/index.ts'
import { signMarkKey } from '../../src/payouts/wire.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testAddress } from '../support/ton.ts'
import { type ChannelState, channelStatus } from './support.ts'
import { chain, MapChain, offer, payeeKey, payerKey, start, ton } from './world.ts'

const hour = 3_600_000
const pollMs = hour / 10

function channelOf(challengePeriod: number, salt: bigint) {
  const terms = { payer: testAddress('operator'), payee: offer.payee, challengePeriod, openUntil: start / 1000 + 3_600, salt }
  const address = channelAddress(terms, payerKey.publicKey, payeeKey.publicKey)
  const { publicKey: markKey } = markKeyOf(payerKey.privateKey)
  const state: ChannelState = {
    ...{ terms, payerKey: payerKey.publicKey, payeeKey: payeeKey.publicKey },
    ...{ status: channelStatus.open, deposited: ton(1), settled: zero, closesAt: 0 },
  }
  const brought = { terms, payerKey: payerKey.publicKey, markKey, signature: signMarkKey(address, markKey, payerKey.privateKey) }
  return { address, state, brought }
}
const hasty = channelOf(3_600, 1n)
const patient = channelOf(86_400, 2n)

let clock: ManualClock
let map: MapChain
let payee: Payee
let cashier: Cashier
let reads: string[]
let unreadable: Set<string>
let orders: SettlementOrder[][]
/** What a settlement waits for. */
let settling: Promise<void> | undefined

beforeEach(() => {
  clock = new ManualClock(start)
  map = new MapChain(clock)
  reads = []
  unreadable = new Set()
  orders = []
  settling = undefined
  const book = new EarningsBook(':memory:', clock)
  const readChannel = async (address: Address) => {
    reads.push(address.toRawString())
    if (unreadable.has(address.toRawString())) throw new Error('frozen')
    return map.read(address)
  }
  payee = new Payee({ book, offer, markKey: markKeyOf(payeeKey.privateKey).privateKey, readChannel, clock })
  const settle = async (all: readonly SettlementOrder[]): Promise<SettlementResult[]> => {
    orders.push([...all])
    await settling
    return all.map(({ channel, claim }) => {
      map.change(channel, { settled: claim.amount })
      return { channel, outcome: 'settled', state: map.channels.get(channel.toRawString())! }
    })
  }
  cashier = new Cashier({
    ...{ payee, settle, pollMs, clock },
    payeeKey: payeeKey.privateKey,
    threshold: nanoton(100n),
    logger: silentLogger,
  })
  onTestFinished(async () => {
    await cashier.stop()
    book.close()
  })
})

/** A channel that is known, and signed for up to `ceiling`. */
async function know({ address, state, brought }: typeof hasty, ceiling: bigint): Promise<void> {
  map.channels.set(address.toRawString(), state)
  await payee.bring(brought)
  const signature = signAuthorization(payerKey.privateKey, { chain, channel: address, ceiling: nanoton(ceiling) })
  payee.pay({ channel: address, from: zero, ceiling: nanoton(ceiling), signature, jobs: [] })
}

const amounts = () => orders.map(all => all.map(({ claim }) => claim.amount))
const readsWithin = async (ms: number) => {
  reads = []
  const step = 30_000
  for (let passed = 0; passed < ms; passed += step) await clock.advance(step)
  return reads.length
}

describe('looking', () => {
  test('is as often as it was told where challenge periods are long', async () => {
    await know(patient, 1n)
    await cashier.start()
    expect(await readsWithin(hour)).toBe(10)
  })

  test('is 24 times within the shortest challenge period, until that channel is closed', async () => {
    await know(patient, 1n)
    await know(hasty, 1n)
    await cashier.start()
    expect(await readsWithin(hour)).toBe(2 * 24)
    map.change(hasty.address, { status: channelStatus.closed })
    await clock.advance(hour / 24)
    expect(await readsWithin(hour)).toBe(10)
  })

  test('goes on while a settlement takes its time, and nothing is settled twice meanwhile', async () => {
    await know(patient, 500n)
    let done = () => {}
    settling = new Promise(resolve => {
      done = resolve
    })
    await cashier.start()
    expect(await readsWithin(hour)).toBe(10)
    expect(amounts()).toEqual([[500n]])
    done()
    await clock.advance(pollMs)
    expect(amounts()).toEqual([[500n]])
    expect(payee.channels()[0]!.settled).toBe(500n)
  })

  test('at a chain that does not answer is tried again', async () => {
    await know(patient, 500n)
    map.down = true
    await cashier.start()
    expect(amounts()).toEqual([])
    map.down = false
    await clock.advance(pollMs)
    expect(amounts()).toEqual([[500n]])
  })
})

describe('a channel that cannot be read', () => {
  test.each([
    ['the first', hasty, patient],
    ['the last', patient, hasty],
  ])('holds up no other (%s)', async (_, first, second) => {
    await know(first, 500n)
    await know(second, 600n)
    unreadable.add(hasty.address.toRawString())
    await cashier.start()
    await clock.advance(1)
    expect(amounts()).toEqual([[first === patient ? 500n : 600n]])
  })

  test('fails a cashing of everything, after the others were cashed', async () => {
    await know(hasty, 5n)
    await know(patient, 6n)
    unreadable.add(hasty.address.toRawString())
    await expect(cashier.cashAll()).rejects.toMatchObject({ code: 'chain-failed' })
    expect(amounts()).toEqual([[6n]])
  })
})

describe('cashing', () => {
  test('waits for the threshold', async () => {
    await know(patient, 99n)
    await know(hasty, 100n)
    await cashier.start()
    await clock.advance(1)
    expect(amounts()).toEqual([[100n]])
  })

  test('does not, where the payer closes', async () => {
    await know(patient, 1n)
    await cashier.start()
    map.change(patient.address, { status: channelStatus.closing })
    await clock.advance(pollMs)
    expect(amounts()).toEqual([[1n]])
  })
})
