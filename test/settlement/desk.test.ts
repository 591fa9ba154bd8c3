/** Accepting a channel: what the desk proposes, the one way to an API key, and every way that leads to none. */
import type { Address } from '@ton/core'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Ledger, openLedger } from '../../src/ledger/index.ts'
import { sha256, toHex, utf8 } from '../../src/lib/bytes.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { keyPairOf, signAuthorization } from '../../src/payment-channel/index.ts'
import { Desk, SettlementError, type WireTerms } from '../../src/settlement/index.ts'
import { hold, postOf, startMs, temporaryFile } from '../ledger/support/books.ts'
import { inlineStore } from '../ledger/support/stores.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testAddress } from '../support/ton.ts'
import { testChain } from '../support/ton-config.ts'
import { channelOf, FakeChain, payee, payeeAddress, payer } from './support/fake-chain.ts'

const startSeconds = startMs / 1_000
const hashApiKey = (key: string) => toHex(sha256(utf8(key)))
const payerKey = toHex(payer.publicKey)
const channel = channelOf({ openUntil: startSeconds + 3_600 })
const wire: WireTerms = {
  payer: channel.terms.payer.toString(),
  payee: payeeAddress.toString(),
  challenge_period: 3_600,
  open_until: startSeconds + 3_600,
  salt: '7',
}
const good = { terms: wire, payer_key: payerKey, ceiling: '500', signature: toHex(channel.authorise(500)) }
const newKey = (ceiling: number) => ({ ...good, ceiling: String(ceiling), signature: toHex(channel.authorise(ceiling)) })

let clock: ManualClock
let chain: FakeChain
let ledger: Ledger
let file: string
let desk: Desk

function deskOn(on: Ledger): Desk {
  return new Desk({
    ...{ ledger: on, chain, clock, hashApiKey, chainId: testChain, payee: payeeAddress, payeeKey: payee.publicKey },
    ...{ challengePeriodSeconds: 3_600, openWithinSeconds: 7_200, minimumDeposit: nanoton(200n), opensPerHour: 3 },
  })
}

beforeEach(async () => {
  clock = new ManualClock(startMs)
  chain = new FakeChain()
  chain.put(channel)
  file = temporaryFile()
  ledger = await openLedger({ file, clock, store: inlineStore(file) })
  onTestFinished(() => ledger.close())
  desk = deskOn(ledger)
})

const refusal = (code: SettlementError['code'], param?: string) => ({ name: 'SettlementError', code, param })
const noTrace = () => expect(ledger.channels()).toEqual([])

describe('a proposal', () => {
  const request = { payer: wire.payer, payer_key: payerKey }

  test("names terms that lead to its address, and this proxy's conditions", () => {
    const proposal = desk.propose(request)
    const { terms } = proposal
    expect(terms).toMatchObject({ payer: wire.payer, payee: wire.payee, challenge_period: 3_600, open_until: startSeconds + 7_200 })
    expect(proposal).toMatchObject({ payer_key: payerKey, payee_key: toHex(payee.publicKey), chain: testChain, minimum_deposit: '200' })
    expect(proposal.address).toBe(channelOf({ openUntil: terms.open_until, salt: BigInt(terms.salt) }).name)
  })

  test('leads to a key once its address is funded and its ceiling signed', async () => {
    const { terms, address } = desk.propose(request)
    const proposed = channelOf({ openUntil: terms.open_until, salt: BigInt(terms.salt) })
    chain.put(proposed)
    await desk.createKey({ terms, payer_key: payerKey, ceiling: '1', signature: toHex(proposed.authorise(1)) })
    expect(ledger.account(address)).toMatchObject({ authorised: 1n })
  })

  test('is another each time, and stores nothing', () => {
    expect(desk.propose(request).address).not.toBe(desk.propose(request).address)
    noTrace()
  })

  test.each([
    ['an address that is none', { payer: 'EQnowhere' }, 'payer'],
    ['an address in the masterchain', { payer: testAddress('payer', -1).toString() }, 'terms'],
    ['a key that is no point', { payer_key: `02${'00'.repeat(31)}` }, 'payer_key'],
    ['a key of small order', { payer_key: `01${'00'.repeat(31)}` }, 'payer_key'],
    ['a key that is too short', { payer_key: payerKey.slice(2) }, 'payer_key'],
    ['a key that is no hex', { payer_key: 'key' }, 'payer_key'],
  ])('is refused to %s', (_, change, param) => {
    expect(() => desk.propose({ ...request, ...change })).toThrow(expect.objectContaining(refusal('bad-request', param)))
  })
})

describe('a key', () => {
  test('is given for a signed ceiling on a funded channel, and everything is stored', async () => {
    const answer = await desk.createKey(good)
    expect(answer.channel).toBe(channel.name)
    expect(answer.api_key).toMatch(/^sk-chrysalis-[\w-]{43}$/)
    expect(ledger.findKey(hashApiKey(answer.api_key))).toMatchObject({ channel: channel.name, createdAt: startMs })
    expect(ledger.account(channel.name)).toMatchObject({ status: 1, deposited: 1_000n, authorised: 500n, available: 500n })
    await ledger.close()
    const again = await openLedger({ file, clock, store: inlineStore(file) })
    onTestFinished(() => again.close())
    expect(again.findKey(hashApiKey(answer.api_key))).toBeDefined()
    expect(again.account(channel.name)).toMatchObject({ authorised: 500n, available: 500n })
  })

  test('is given for a ceiling above the deposit, but what is available ends at the deposit', async () => {
    await desk.createKey(newKey(5_000))
    expect(ledger.account(channel.name)).toMatchObject({ authorised: 5_000n, available: 1_000n })
  })

  test('is given again for a higher ceiling, with a key of its own', async () => {
    const first = await desk.createKey(good)
    const second = await desk.createKey(newKey(501))
    expect(second.api_key).not.toBe(first.api_key)
    expect(second.channel).toBe(first.channel)
    expect(ledger.account(channel.name)!.authorised).toBe(501n)
  })

  test('is given for a longer challenge period and an earlier end than it proposes', async () => {
    const patient = channelOf({ challengePeriod: 7_200, openUntil: startSeconds + 60 })
    chain.put(patient)
    const terms = { ...wire, challenge_period: 7_200, open_until: startSeconds + 60 }
    await desk.createKey({ ...good, terms, signature: toHex(patient.authorise(500)) })
  })

  test.each([499, 500])(
    'is refused for a ceiling of %i where 500 is signed: a settlement shows old signatures to everybody',
    async ceiling => {
      await desk.createKey(good)
      await expect(desk.createKey(newKey(ceiling))).rejects.toMatchObject(refusal('bad-request', 'ceiling'))
      expect(ledger.account(channel.name)!.authorised).toBe(500n)
    },
  )

  test('is refused on a channel that was settled before, where the ledger does not know it: its signatures are public', async () => {
    chain.put(channel, { settled: 100 })
    await expect(desk.createKey(good)).rejects.toMatchObject(refusal('bad-request', 'terms'))
    noTrace()
  })

  test('is given on a channel that was settled before, where the ledger knows it', async () => {
    await desk.createKey(good)
    hold(ledger, 'a', 100, { channel: channel.name })
    await ledger.post(postOf('a', 100))
    chain.put(channel, { settled: 100 })
    await desk.createKey(newKey(600))
    expect(ledger.account(channel.name)).toMatchObject({ authorised: 600n, settled: 100n, spent: 100n })
  })

  const otherPayer = keyPairOf(sha256(utf8('another payer')))
  const sign = (changes: { chain?: number; channel?: Address; ceiling?: bigint; key?: typeof payer }) =>
    toHex(
      signAuthorization((changes.key ?? payer).privateKey, {
        chain: changes.chain ?? testChain,
        channel: changes.channel ?? channel.address,
        ceiling: nanoton(changes.ceiling ?? 500n),
      }),
    )
  test.each([
    ['a signature by another key', { signature: sign({ key: otherPayer }) }, 'signature'],
    ['a signature by the payee', { signature: sign({ key: payee }) }, 'signature'],
    ['a signature for another ceiling', { signature: sign({ ceiling: 499n }) }, 'signature'],
    ['a signature for another channel', { signature: sign({ channel: channelOf({ salt: 8n }).address }) }, 'signature'],
    ['a signature for another chain', { signature: sign({ chain: -239 }) }, 'signature'],
    ['a signature that is cut', { signature: good.signature.slice(2) }, 'signature'],
    ['no signature', { signature: '' }, 'signature'],
    ['the key of another payer', { payer_key: toHex(otherPayer.publicKey) }, 'signature'],
    ['a key of small order', { payer_key: `01${'00'.repeat(31)}` }, 'payer_key'],
    ['a ceiling that is no amount', { ceiling: '-1' }, 'ceiling'],
    ['a ceiling above the largest amount', { ceiling: '9999999999999999999' }, 'ceiling'],
    ['another payee', { terms: { ...wire, payee: wire.payer } }, 'terms.payee'],
    ['a payee that is no address', { terms: { ...wire, payee: 'operator' } }, 'terms.payee'],
    ['a payer that is no address', { terms: { ...wire, payer: 'payer' } }, 'terms.payer'],
    ['another payer address', { terms: { ...wire, payer: wire.payee } }, 'signature'],
    ['a shorter challenge period', { terms: { ...wire, challenge_period: 3_599 } }, 'terms.challenge_period'],
    ['a challenge period no contract takes', { terms: { ...wire, challenge_period: 30 * 86_400 + 1 } }, 'terms'],
    ['half a second', { terms: { ...wire, challenge_period: 3_600.5 } }, 'terms'],
    ['an end too far away', { terms: { ...wire, open_until: startSeconds + 7_201 } }, 'terms.open_until'],
    ['another salt', { terms: { ...wire, salt: '8' } }, 'signature'],
    ['a salt that is no number', { terms: { ...wire, salt: 'salt' } }, 'terms.salt'],
    ['a salt that is too large', { terms: { ...wire, salt: (1n << 64n).toString() } }, 'terms'],
  ])('is refused for %s', async (_, change, param) => {
    await expect(desk.createKey({ ...good, ...change })).rejects.toMatchObject(refusal('bad-request', param))
    noTrace()
  })

  test.each([0, 2, 3] as const)('is refused on a channel of status %i', async status => {
    chain.put(channel, { status })
    await expect(desk.createKey(good)).rejects.toMatchObject(refusal('not-funded'))
    noTrace()
  })

  test('is refused on an address where nothing is', async () => {
    chain.channels.clear()
    await expect(desk.createKey(good)).rejects.toMatchObject(refusal('not-funded'))
    noTrace()
  })

  test('is refused one nanoTON below the minimum deposit, and given at it', async () => {
    chain.put(channel, { deposited: 199 })
    await expect(desk.createKey(good)).rejects.toMatchObject(refusal('not-funded'))
    noTrace()
    chain.put(channel, { deposited: 200 })
    await desk.createKey(good)
  })

  test('is refused while the chain cannot be asked, and given later', async () => {
    chain.readFailure = { error: new Error('429') }
    const error: unknown = await desk.createKey(good).catch(reason => reason)
    expect(error).toBeInstanceOf(SettlementError)
    expect(error).toMatchObject({ ...refusal('chain-unavailable'), cause: chain.readFailure.error })
    noTrace()
    chain.readFailure = undefined
    await desk.createKey(good)
  })

  test('asks the chain nothing before the signature is good', async () => {
    await expect(desk.createKey({ ...good, signature: sign({ ceiling: 1n }) })).rejects.toThrow()
    expect(chain.reads).toBe(0)
  })
})

describe('opening an address that was paid to', () => {
  const request = { terms: wire, payer_key: payerKey }
  beforeEach(() => {
    chain.channels.clear()
  })

  test('waits for the minimum deposit, and sends nothing before', async () => {
    chain.balances.set(channel.name, 199n)
    expect(await desk.deploy(request)).toEqual({ channel: channel.name, status: 'waiting', balance: '199', minimum_deposit: '200' })
    expect(chain.opened).toEqual([])
  })

  test('happens once, however often it is asked for, and is open then', async () => {
    chain.balances.set(channel.name, 200n)
    const go = chain.stall()
    expect((await desk.deploy(request)).status).toBe('deploying')
    expect((await desk.deploy(request)).status).toBe('deploying')
    expect(chain.opened).toHaveLength(1)
    expect(chain.opened[0]!.payeeKey).toEqual(payee.publicKey)
    go()
    await clock.advance(0)
    expect((await desk.deploy(request)).status).toBe('open')
    expect(chain.opened).toHaveLength(1)
  })

  test('that failed is tried again when it is asked for again', async () => {
    chain.balances.set(channel.name, 200n)
    chain.openFailure = new Error('the wallet is empty')
    expect((await desk.deploy(request)).status).toBe('deploying')
    await clock.advance(0)
    expect((await desk.deploy(request)).status).toBe('deploying')
    expect(chain.opened).toHaveLength(2)
  })

  test('is bounded in an hour, because each costs this proxy a fee', async () => {
    const one = async (salt: bigint) => {
      const other = channelOf({ openUntil: startSeconds + 7_200, salt })
      chain.balances.set(other.name, 200n)
      return desk.deploy({ ...request, terms: { ...wire, open_until: startSeconds + 7_200, salt: salt.toString() } })
    }
    for (const salt of [1n, 2n, 3n]) expect((await one(salt)).status).toBe('deploying')
    await expect(one(4n)).rejects.toMatchObject(refusal('busy'))
    await clock.advance(3_600_000)
    expect((await one(5n)).status).toBe('deploying')
  })

  test.each<[string, () => { terms: WireTerms; payer_key: string }, string]>([
    ['terms of somebody else', () => ({ ...request, terms: { ...wire, payee: testAddress('thief').toString() } }), 'terms.payee'],
    ['a short challenge period', () => ({ ...request, terms: { ...wire, challenge_period: 60 } }), 'terms.challenge_period'],
    ['a key of small order', () => ({ ...request, payer_key: '00'.repeat(32) }), 'payer_key'],
  ])('with %s is refused', async (_, make, param) => {
    await expect(desk.deploy(make())).rejects.toMatchObject(refusal('bad-request', param))
  })

  test('is refused when its time is over, or when the channel was closed', async () => {
    chain.put(channel, { status: 3 })
    await expect(desk.deploy(request)).rejects.toMatchObject(refusal('bad-request', 'terms'))
    chain.channels.clear()
    chain.balances.set(channel.name, 200n)
    await clock.advance(3_601_000)
    await expect(desk.deploy(request)).rejects.toMatchObject(refusal('bad-request', 'terms'))
    expect(chain.opened).toEqual([])
  })

  test('cannot be done while the chain cannot be asked', async () => {
    chain.readFailure = { error: new Error('429') }
    await expect(desk.deploy(request)).rejects.toMatchObject(refusal('chain-unavailable'))
  })
})

describe('a key with limits', () => {
  test('has them from the first moment', async () => {
    const { api_key: key } = await desk.createKey({
      ...good,
      limits: { spend: '5', per_day: '3', models: ['tiny'], expires_at: 1_900_000_000 },
    })
    expect(ledger.findKey(hashApiKey(key))!.limits).toEqual({ spend: 5n, perDay: 3n, models: ['tiny'], expiresAt: 1_900_000_000 })
  })

  test('is not made with an amount that is none', async () => {
    await expect(desk.createKey({ ...good, limits: { spend: '1.5' } })).rejects.toMatchObject(refusal('bad-request', 'limits.spend'))
  })

  test('is not made on a channel that was stopped', async () => {
    await desk.createKey(good)
    await ledger.stop(channel.name)
    await expect(desk.createKey(newKey(600))).rejects.toMatchObject(refusal('bad-request', 'terms'))
  })
})
