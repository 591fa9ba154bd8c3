/** Terms, storage and addresses: there and back, and everything that is not one of ours. */
import { Address, beginCell, Cell, contractAddress } from '@ton/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxNanoton, nanoton } from '../../src/lib/nanoton.ts'
import {
  type ChannelState,
  type ChannelStatus,
  channelAddress,
  channelCode,
  channelInit,
  checkTerms,
  decodeStorage,
  decodeTerms,
  encodeStorage,
  encodeTerms,
  longestChallengePeriod,
  parseAccount,
  payableAmount,
  type Terms,
} from '../../src/payment-channel/index.ts'
import { testAddress, withoutBits, withTrailingBit, withTrailingRef } from '../support/ton.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes))
const addresses = bytes32.map(hash => new Address(0, hash))
const nanotons = fc.bigInt({ min: 0n, max: maxNanoton }).map(nanoton)
const times = fc.integer({ min: 0, max: 0xffff_ffff })
const anyTerms: fc.Arbitrary<Terms> = fc.record({
  payer: addresses,
  payee: addresses,
  challengePeriod: fc.integer({ min: 0, max: longestChallengePeriod }),
  openUntil: times,
  salt: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
})
const anyState: fc.Arbitrary<ChannelState> = fc.record({
  status: fc.constantFrom<ChannelStatus>(0, 1, 2, 3),
  deposited: nanotons,
  settled: nanotons,
  closesAt: times,
  payerKey: bytes32,
  payeeKey: bytes32,
  terms: anyTerms,
})

const terms: Terms = { payer: testAddress('payer'), payee: testAddress('payee'), challengePeriod: 3600, openUntil: 1_800_000_000, salt: 5n }
const keys = { payerKey: Buffer.alloc(32, 1), payeeKey: Buffer.alloc(32, 2) }
const open: ChannelState = { status: 1, deposited: nanoton(10n), settled: nanoton(4n), closesAt: 0, ...keys, terms }

const plain = (value: unknown) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))

describe('the storage of a channel', () => {
  it('comes out of its cell as it went in', () => {
    fc.assert(fc.property(anyState, state => void expect(plain(decodeStorage(encodeStorage(state)))).toBe(plain(state))))
  })

  it('is laid out as the contract has it', () => {
    const slice = encodeStorage(open).beginParse()
    expect([slice.loadUint(2), slice.loadCoins(), slice.loadCoins(), slice.loadUint(32)]).toEqual([1, 10n, 4n, 0])
    expect([slice.loadBuffer(32), slice.loadBuffer(32)]).toEqual([keys.payerKey, keys.payeeKey])
    const inner = slice.loadRef().beginParse()
    slice.endParse()
    expect([inner.loadAddress().equals(terms.payer), inner.loadAddress().equals(terms.payee)]).toEqual([true, true])
    expect([inner.loadUint(32), inner.loadUint(32), inner.loadUintBig(64)]).toEqual([3600, 1_800_000_000, 5n])
    inner.endParse()
  })

  it('is refused when it is not whole, or more than whole', () => {
    const good = encodeStorage(open)
    const amount = beginCell()
      .storeUint(1, 2)
      .storeCoins(2n ** 63n)
      .storeCoins(0n)
      .storeUint(0, 32)
      .storeBuffer(keys.payerKey)
    const tooMuch = amount.storeBuffer(keys.payeeKey).storeRef(encodeTerms(terms)).endCell()
    for (const cell of [withTrailingBit(good), withTrailingRef(good), withoutBits(good), beginCell().endCell(), tooMuch])
      expect(() => decodeStorage(cell)).toThrow(expect.objectContaining({ code: 'not-a-channel' }))
  })

  it('is not written with a key of another size', () => {
    expect(() => encodeStorage({ ...open, payerKey: Buffer.alloc(31) })).toThrow(expect.objectContaining({ code: 'bad-key' }))
  })
})

describe('terms', () => {
  it('come out of their cell as they went in', () => {
    fc.assert(fc.property(anyTerms, terms => void expect(plain(decodeTerms(encodeTerms(terms)))).toBe(plain(terms))))
  })

  const bad: [string, Partial<Terms>][] = [
    ['a payer in the masterchain', { payer: testAddress('payer', -1) }],
    ['a payee in the masterchain', { payee: testAddress('payee', -1) }],
    ['a challenge period over 30 days', { challengePeriod: longestChallengePeriod + 1 }],
    ['a negative challenge period', { challengePeriod: -1 }],
    ['half a second', { challengePeriod: 0.5 }],
    ['an open_until that no clock will show', { openUntil: 2 ** 32 }],
    ['a negative salt', { salt: -1n }],
    ['a salt over 64 bits', { salt: 2n ** 64n }],
  ]
  it.each(bad)('are refused with %s', (_, change) => {
    expect(() => checkTerms({ ...terms, ...change })).toThrow(expect.objectContaining({ code: 'bad-terms' }))
    expect(() => encodeTerms({ ...terms, ...change })).toThrow(expect.objectContaining({ code: 'bad-terms' }))
  })

  it('are refused when they are not whole, or more than whole', () => {
    const good = encodeTerms(terms)
    for (const cell of [withTrailingBit(good), withTrailingRef(good), withoutBits(good)])
      expect(() => decodeTerms(cell)).toThrow(expect.objectContaining({ code: 'bad-terms' }))
  })
})

describe('the address of a channel', () => {
  const address = channelAddress(terms, keys.payerKey, keys.payeeKey)

  it('is that of its code and zero storage', () => {
    const init = channelInit({ terms, ...keys })
    expect(address.equals(contractAddress(0, init))).toBe(true)
    expect(init.code.equals(channelCode)).toBe(true)
    expect(plain(decodeStorage(init.data))).toBe(plain({ ...open, status: 0, deposited: 0n, settled: 0n }))
  })

  it('is another for any other term or key', () => {
    const changes: Partial<Terms>[] = [
      { payer: terms.payee },
      { payee: terms.payer },
      { challengePeriod: 1 },
      { openUntil: 1 },
      { salt: 6n },
    ]
    const others = changes.map(change => channelAddress({ ...terms, ...change }, keys.payerKey, keys.payeeKey))
    others.push(channelAddress(terms, keys.payeeKey, keys.payeeKey), channelAddress(terms, keys.payerKey, keys.payerKey), address)
    expect(new Set(others.map(String)).size).toBe(others.length)
  })

  it('vouches for the account data that an endpoint shows', () => {
    const code = channelCode.toBoc()
    const data = encodeStorage(open).toBoc()
    expect(plain(parseAccount(address, code, data))).toBe(plain(open))
    const refused = (code: Uint8Array, data: Uint8Array) =>
      expect(() => parseAccount(address, code, data)).toThrow(expect.objectContaining({ code: 'not-a-channel' }))
    refused(new Cell().toBoc(), data)
    refused(code, new Cell().toBoc())
    refused(code, encodeStorage({ ...open, payerKey: keys.payeeKey }).toBoc())
    refused(code, encodeStorage({ ...open, terms: { ...terms, salt: 6n } }).toBoc())
    refused(code, Buffer.from('not a bag of cells'))
  })
})

describe('what a claim would still pay', () => {
  it('is never more than the deposit leaves', () => {
    expect(payableAmount(open, nanoton(4n))).toBe(0n)
    expect(payableAmount(open, nanoton(3n))).toBe(0n)
    expect(payableAmount(open, nanoton(7n))).toBe(3n)
    expect(payableAmount(open, nanoton(11n))).toBe(6n)
  })
})
