/** The worker's side: whom it works for, what counts as earned, and what it takes for a payment. */
import { beforeEach, describe, expect, test } from 'vitest'
import { nanoton, zero } from '../../src/lib/nanoton.ts'
import { channelAddress, signAuthorization } from '../../src/payment-channel/index.ts'
import { markKeyOf, type PayErrorCode } from '../../src/payouts/index.ts'
import { markSecret } from '../../src/payouts/mark-key.ts'
import { decodeMark, encodeMark, signMarkKey } from '../../src/payouts/wire.ts'
import { testAddress } from '../support/ton.ts'
import { channelStatus } from './support.ts'
import { chain, digest, offer, oneToken, payeeKey, payerKey, priceOf, rid, setUpPayee, start, ton } from './world.ts'

const refused = (code: PayErrorCode) => expect.objectContaining({ code })
const terms = {
  payer: testAddress('operator'),
  payee: offer.payee,
  challengePeriod: 3_600,
  openUntil: start / 1000 + 3_600,
  salt: 1n,
}
const address = channelAddress(terms, payerKey.publicKey, payeeKey.publicKey)
const { publicKey: markKey, privateKey } = markKeyOf(payerKey.privateKey)
const brought = { terms, payerKey: payerKey.publicKey, markKey, signature: signMarkKey(address, markKey, payerKey.privateKey) }
const secret = markSecret(privateKey, offer.markKey, address.toRawString())
const onChain = {
  ...{ terms, payerKey: payerKey.publicKey, payeeKey: payeeKey.publicKey },
  ...{ status: channelStatus.open, deposited: ton(1), settled: zero, closesAt: 0 },
}
const mark = encodeMark(address.toRawString(), digest, secret)

let world: ReturnType<typeof setUpPayee>
beforeEach(() => {
  world = setUpPayee()
  world.chain.channels.set(address.toRawString(), onChain)
})

/** Works on one job and ends it. */
function job(id: string, amount: bigint, finish = 'stop', payee = world.payee): void {
  const work = payee.begin(payee.admit(mark), digest, nanoton(amount))
  work.end({ rid: id, model: 'm', usage: oneToken, offer: priceOf(amount), finish })
}

/** A payment as an honest proxy signs it. */
function payment(from: bigint, ceiling: bigint, jobs: [string, bigint][]) {
  return {
    channel: address,
    from: nanoton(from),
    ceiling: nanoton(ceiling),
    signature: signAuthorization(payerKey.privateKey, { chain, channel: address, ceiling: nanoton(ceiling) }),
    jobs: jobs.map(([id, paid]) => [id, nanoton(paid)] as const),
  }
}

const owed = (payee = world.payee) => payee.channels()[0]!.owed
const state = (id: string) => world.book.jobs(100).find(entry => entry.rid === id)

describe('a channel', () => {
  test('that is open and holds enough is taken, at the address its terms lead to', async () => {
    expect((await world.payee.bring(brought)).address.equals(address)).toBe(true)
    expect(world.payee.admit(mark).channel).toBe(address.toRawString())
  })

  test.each<[string, PayErrorCode, () => Parameters<typeof world.payee.bring>[0]]>([
    ['that pays somebody else', 'not-offered', () => ({ ...brought, terms: { ...terms, payee: testAddress('other') } })],
    ['with a short challenge period', 'not-offered', () => ({ ...brought, terms: { ...terms, challengePeriod: 3_599 } })],
    ['whose payer key has small order', 'not-offered', () => ({ ...brought, payerKey: Buffer.alloc(32) })],
    ['with a mark key that the payer has not signed', 'bad-signature', () => ({ ...brought, markKey: offer.markKey })],
  ])('%s is refused: %s', async (_, code, change) => {
    await expect(world.payee.bring(change())).rejects.toEqual(refused(code))
    expect(world.payee.channels()).toEqual([])
  })

  test.each<[string, PayErrorCode, object]>([
    ['that is closing', 'not-funded', { status: channelStatus.closing }],
    ['that holds too little', 'not-funded', { deposited: ton(0.499) }],
  ])('%s is refused: %s', async (_, code, change) => {
    world.chain.change(address, change)
    await expect(world.payee.bring(brought)).rejects.toEqual(refused(code))
  })

  test('that the chain does not know is refused', async () => {
    world.chain.channels.clear()
    await expect(world.payee.bring(brought)).rejects.toEqual(refused('not-funded'))
  })

  test('is not taken while the chain cannot be asked', async () => {
    world.chain.down = true
    await expect(world.payee.bring(brought)).rejects.toEqual(refused('chain-failed'))
  })

  test('that is brought twice at once is one', async () => {
    await Promise.all([world.payee.bring(brought), world.payee.bring(brought)])
    expect(world.payee.channels()).toHaveLength(1)
  })

  test('that is brought again is looked at again', async () => {
    await world.payee.bring(brought)
    world.chain.change(address, { deposited: ton(2) })
    expect(await world.payee.bring(brought)).toMatchObject({ deposited: ton(2) })
  })
})

describe('work', () => {
  beforeEach(() => world.payee.bring(brought))

  test.each<[string, PayErrorCode, string | undefined]>([
    ['without a mark', 'uncovered', undefined],
    ['with a mark that is none', 'malformed', 'x'],
    ['for a channel that was not brought', 'unknown-channel', encodeMark(testAddress('other').toRawString(), digest, secret)],
  ])('%s is refused: %s', (_, code, header) => {
    expect(() => world.payee.admit(header)).toThrow(refused(code))
  })

  test('for another request than the mark is for is refused, and holds nothing', () => {
    expect(() => world.payee.begin(decodeMark(mark), Buffer.alloc(32), ton(0.1))).toThrow(refused('bad-signature'))
    expect(() => world.payee.begin(decodeMark(mark), digest, ton(0.9))).not.toThrow()
  })

  test('earns by usage and offer, rounded up once; a unit without a price earns nothing', () => {
    const work = world.payee.begin(world.payee.admit(mark), digest, ton(0.01))
    const usage = { prompt: 1, cached: 0, completion: 1, reasoning: 0, images: 3 }
    const price = { prompt: '1', cached: '0', completion: '1', reasoning: '0' }
    work.end({ rid: rid(1), model: 'm', usage, offer: price, finish: 'stop' })
    expect(owed()).toBe(1n)
  })

  test('ends once, however often it is told', () => {
    const work = world.payee.begin(world.payee.admit(mark), digest, nanoton(5n))
    for (let again = 0; again < 3; again++) work.end({ rid: rid(1), model: 'm', usage: oneToken, offer: priceOf(5n), finish: 'stop' })
    expect(owed()).toBe(5n)
  })

  test('stops when more than the credit is owed, and goes on once that is signed for', () => {
    job(rid(1), ton(0.05))
    job(rid(2), 1n)
    expect(() => world.payee.admit(mark)).toThrow(refused('uncovered'))
    world.payee.pay(payment(0n, ton(0.05), [[rid(1), ton(0.05)]]))
    expect(() => world.payee.admit(mark)).not.toThrow()
  })

  test('stops where the deposit does not reach over all that is signed, owed, running, and the floor', () => {
    const { payee } = world
    payee.pay(payment(0n, ton(0.5), []))
    job(rid(1), ton(0.04))
    const running = payee.begin(payee.admit(mark), digest, ton(0.3))
    // 1 − 0.5 − 0.04 − 0.3 − 0.05 of floor is 0.11.
    expect(() => payee.begin(payee.admit(mark), digest, nanoton(ton(0.11) + 1n))).toThrow(refused('uncovered'))
    payee.begin(payee.admit(mark), digest, ton(0.11)).end(undefined)
    running.end(undefined)
    expect(() => payee.begin(payee.admit(mark), digest, ton(0.41))).not.toThrow()
  })

  test.each([channelStatus.closing, channelStatus.closed])('stops when the channel is not open (status %i)', async status => {
    world.chain.change(address, { status })
    await world.payee.look()
    expect(() => world.payee.admit(mark)).toThrow(refused('uncovered'))
  })

  test('stops when the chain was not read for half the challenge period, and goes on once it is read', async () => {
    await world.clock.advance(1_800_000)
    world.payee.admit(mark)
    await world.clock.advance(1)
    expect(() => world.payee.admit(mark)).toThrow(refused('uncovered'))
    world.chain.down = true
    expect([...(await world.payee.look()).keys()]).toEqual([address.toRawString()])
    expect(() => world.payee.admit(mark)).toThrow(refused('uncovered'))
    world.chain.down = false
    expect(await world.payee.look()).toEqual(new Map())
    world.payee.admit(mark)
  })

  test('is not fooled by an old answer of the chain', async () => {
    world.chain.change(address, { status: channelStatus.closing })
    await world.payee.look()
    world.chain.change(address, { status: channelStatus.open })
    await world.payee.look()
    expect(() => world.payee.admit(mark)).toThrow(refused('uncovered'))
  })
})

describe('a payment', () => {
  beforeEach(() => world.payee.bring(brought))

  test('covers the jobs that it names, and is kept with its statement', () => {
    job(rid(1), 10n)
    job(rid(2), 20n)
    const held = world.payee.pay(payment(0n, 10n, [[rid(1), 10n]]))
    expect([held.ceiling, owed()]).toEqual([10n, 20n])
    expect([state(rid(1)), state(rid(2))]).toMatchObject([{ signed: 10n, total: 10n }, { signed: undefined }])
    const root = world.payee.channels()[0]!.root
    world.payee.pay(payment(10n, 30n, [[rid(2), 20n]]))
    expect(owed()).toBe(0n)
    expect(world.payee.channels()[0]!.root.equals(root)).toBe(false)
  })

  test('that comes again changes nothing', () => {
    job(rid(1), 10n)
    const first = payment(0n, 10n, [[rid(1), 10n]])
    world.payee.pay(first)
    const before = JSON.stringify(world.payee.channels(), (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
    expect(world.payee.pay(first).ceiling).toBe(10n)
    expect(world.payee.pay(payment(0n, 5n, [])).ceiling).toBe(10n)
    expect(JSON.stringify(world.payee.channels(), (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))).toBe(before)
  })

  test.each<[string, PayErrorCode, () => ReturnType<typeof payment>]>([
    ['that leaves a gap', 'out-of-step', () => payment(5n, 10n, [])],
    ['for jobs worth more than it signs for', 'malformed', () => payment(0n, 10n, [[rid(1), 11n]])],
    ['signed for another ceiling', 'bad-signature', () => ({ ...payment(0n, 10n, []), ceiling: nanoton(11n) })],
    ['signed by somebody else', 'bad-signature', () => ({ ...payment(0n, 10n, []), signature: Buffer.alloc(64) })],
    ['on a channel that was not brought', 'unknown-channel', () => ({ ...payment(0n, 10n, []), channel: testAddress('other') })],
  ])('%s is refused: %s, and nothing is changed', (_, code, make) => {
    job(rid(1), 11n)
    expect(() => world.payee.pay(make())).toThrow(refused(code))
    expect([owed(), world.payee.channels()[0]!.ceiling]).toEqual([11n, 0n])
  })

  test('with too little for a finished job leaves the rest owed; for one whose line broke it is the last word', () => {
    job(rid(1), 10n)
    job(rid(2), 10n, 'lost')
    world.payee.pay(
      payment(0n, 10n, [
        [rid(1), 6n],
        [rid(2), 4n],
      ]),
    )
    expect(owed()).toBe(4n)
  })

  test('of nothing for a job that never arrived ends it', () => {
    job(rid(1), 10n, 'lost')
    world.payee.pay(payment(0n, 0n, [[rid(1), 0n]]))
    expect([owed(), state(rid(1))?.signed]).toEqual([0n, 0n])
  })

  test('may come before the job is booked', () => {
    const work = world.payee.begin(world.payee.admit(mark), digest, nanoton(10n))
    world.payee.pay(payment(0n, 10n, [[rid(1), 10n]]))
    work.end({ rid: rid(1), model: 'm', usage: oneToken, offer: priceOf(10n), finish: 'stop' })
    expect([owed(), state(rid(1))?.signed]).toEqual([0n, 10n])
  })

  test('ends what broken lines took ten minutes ago and nobody has said a word about', async () => {
    job(rid(1), 10n, 'lost')
    await world.clock.advance(10 * 60_000)
    job(rid(2), 10n, 'lost')
    world.payee.pay(payment(0n, 1n, []))
    expect([owed(), state(rid(1))?.signed, state(rid(2))?.signed]).toEqual([10n, 0n, undefined])
  })
})

test('a worker that starts again has all of it: channel, ceiling, what is owed', async () => {
  await world.payee.bring(brought)
  job(rid(1), 10n)
  job(rid(2), 20n)
  job(rid(3), 30n)
  world.payee.pay(
    payment(0n, 30n, [
      [rid(1), 10n],
      [rid(2), 5n],
    ]),
  )
  const again = world.open()
  expect(again.channels()).toMatchObject([{ ceiling: 30n, owed: 45n, status: channelStatus.open, deposited: ton(1) }])
  expect(again.channels()[0]!.root).toEqual(world.payee.channels()[0]!.root)
  // Its channel may have been closed since: it works again once it has read the chain.
  expect(() => again.admit(mark)).toThrow(refused('uncovered'))
  await again.look()
  job(rid(4), 1n, 'stop', again)
  expect(owed(again)).toBe(46n)
})
