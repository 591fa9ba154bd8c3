/** What travels between payer and payee: read as it was written, and nothing that was changed is taken. */
import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ed25519RawPublicKey } from '../../src/lib/ed25519.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { markKeyOf, type PayErrorCode } from '../../src/payouts/index.ts'
import { markSecret } from '../../src/payouts/mark-key.ts'
import {
  decodeChannel,
  decodeHeld,
  decodeMark,
  decodeOffer,
  decodePayment,
  encodeChannel,
  encodeHeld,
  encodeMark,
  encodeOffer,
  encodePayment,
  signMarkKey,
  verifyMark,
  verifyMarkKey,
} from '../../src/payouts/wire.ts'
import { testAddress } from '../support/ton.ts'
import { digest, offer, payeeKey, payerKey, rid, ton } from './world.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const publicKey = ed25519RawPublicKey(privateKey)
const signer = { sign: (bytes: Uint8Array) => sign(null, bytes, privateKey) }
const nonce = Buffer.alloc(32, 1)
const refused = (code: PayErrorCode) => expect.objectContaining({ code })

describe('an offer', () => {
  const document = encodeOffer(offer, nonce, signer)

  test('is read as it was made, under the key that signed it and the nonce it was asked for with', () => {
    const { payee, ...rest } = decodeOffer(document, nonce, publicKey)
    expect({ ...rest, payee: payee.toString() }).toEqual({ ...offer, payee: offer.payee.toString() })
  })

  test.each<[string, () => unknown]>([
    ['another nonce', () => decodeOffer(document, Buffer.alloc(32, 2), publicKey)],
    ['another key', () => decodeOffer(document, nonce, payerKey.publicKey)],
    ['another payee', () => decodeOffer(changed(document, { payee: testAddress('thief').toString() }), nonce, publicKey)],
    ['another credit', () => decodeOffer(changed(document, { credit: '1' }), nonce, publicKey)],
  ])('with %s is refused', (_, read) => {
    expect(read).toThrow(refused('bad-signature'))
  })

  test.each<[string, string]>([
    ['no JSON', '{'],
    ['no signature', JSON.stringify({ offer: 'e30=' })],
    ['base64 of another spelling', JSON.stringify({ offer: 'e30', signature: 'AA==' })],
    ['an amount with a sign', resigned({ credit: '-1' })],
    ['an address that is none', resigned({ payee: 'EQ' })],
    ['another version', resigned({ version: 2 })],
  ])('with %s is malformed', (_, text) => {
    expect(() => decodeOffer(text, nonce, publicKey)).toThrow(refused('malformed'))
  })

  function inner(text: string): Record<string, unknown> {
    return JSON.parse(Buffer.from((JSON.parse(text) as { offer: string }).offer, 'base64').toString()) as Record<string, unknown>
  }

  function changed(text: string, change: Record<string, unknown>): string {
    const bytes = Buffer.from(JSON.stringify({ ...inner(text), ...change }))
    return JSON.stringify({ ...(JSON.parse(text) as object), offer: bytes.toString('base64') })
  }

  function resigned(change: Record<string, unknown>): string {
    const bytes = Buffer.from(JSON.stringify({ ...inner(encodeOffer(offer, nonce, signer)), ...change }))
    const signature = signer.sign(Buffer.concat([Buffer.from('chrysalis pay offer v1\n'), nonce, bytes]))
    return JSON.stringify({ offer: bytes.toString('base64'), signature: signature.toString('base64') })
  }
})

describe('a mark', () => {
  const channel = testAddress('channel').toRawString()
  const [payer, payee] = [markKeyOf(payerKey.privateKey), markKeyOf(payeeKey.privateKey)]
  const secret = markSecret(payer.privateKey, payee.publicKey, channel)
  const mark = encodeMark(channel, digest, secret)

  test('says which channel pays, for this request alone, to the other end alone', () => {
    const read = decodeMark(mark)
    expect(read.channel).toBe(channel)
    const theirs = markSecret(payee.privateKey, payer.publicKey, channel)
    expect(() => verifyMark(read, digest, theirs)).not.toThrow()
    expect(() => verifyMark(read, Buffer.alloc(32), theirs)).toThrow(refused('bad-signature'))
    const other = markSecret(payee.privateKey, payer.publicKey, testAddress('other').toRawString())
    expect(() => verifyMark(read, digest, other)).toThrow(refused('bad-signature'))
  })

  test('is of a key that is the same after every start, and of no key that agrees on nothing', () => {
    expect(markKeyOf(payerKey.privateKey).publicKey).toEqual(payer.publicKey)
    expect(payer.publicKey).not.toEqual(payerKey.publicKey)
    for (const low of [Buffer.alloc(32), Buffer.alloc(32).fill(1, 0, 1)])
      expect(() => markSecret(payer.privateKey, low, channel)).toThrow(refused('malformed'))
  })

  test('is of a key that the payer has signed for this channel', () => {
    const [one, other] = [testAddress('channel'), testAddress('other')]
    const brought = {
      payerKey: payerKey.publicKey,
      markKey: payer.publicKey,
      signature: signMarkKey(one, payer.publicKey, payerKey.privateKey),
    }
    const terms = { payer: one, payee: one, challengePeriod: 0, openUntil: 0, salt: 0n }
    expect(() => verifyMarkKey(one, { terms, ...brought })).not.toThrow()
    expect(() => verifyMarkKey(other, { terms, ...brought })).toThrow(refused('bad-signature'))
    expect(() => verifyMarkKey(one, { terms, ...brought, markKey: payee.publicKey })).toThrow(refused('bad-signature'))
    expect(() => verifyMarkKey(one, { terms, ...brought, payerKey: payeeKey.publicKey })).toThrow(refused('bad-signature'))
  })

  test.each([
    ['nothing', ''],
    ['a channel alone', mark.split('.')[0]!],
    ['capitals', mark.toUpperCase()],
    ['more', `${mark}A`],
    ['another workchain', mark.replace(/^0/, '1')],
    ['another spelling of the same bytes', `${mark.slice(0, -1)}${String.fromCharCode(mark.charCodeAt(mark.length - 1) + 1)}`],
  ])('of %s is malformed', (_, text) => {
    expect(() => decodeMark(text)).toThrow(refused('malformed'))
  })
})

const amounts = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(nanoton)
const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map(part => Buffer.from(part))

test('a payment is read as it was written', () => {
  const payments = fc.record({
    channel: fc.string().map(name => testAddress(name)),
    from: amounts,
    ceiling: amounts,
    signature: bytes(64),
    jobs: fc.array(fc.tuple(fc.nat(255).map(rid), amounts), { maxLength: 20 }),
  })
  fc.assert(
    fc.property(payments, payment => {
      const read = decodePayment(encodePayment(payment))
      expect({ ...read, channel: read.channel.toRawString() }).toEqual({ ...payment, channel: payment.channel.toRawString() })
    }),
  )
})

test('what a worker holds is read as it was written', () => {
  fc.assert(
    fc.property(amounts, fc.option(bytes(64)), (ceiling, signature) => {
      expect(decodeHeld(encodeHeld({ ceiling, signature }))).toEqual({ ceiling, signature })
    }),
  )
})

test('a channel is read as it was written', () => {
  const terms = {
    payer: testAddress('a'),
    payee: testAddress('b'),
    challengePeriod: 60,
    openUntil: 1_790_000_000,
    salt: (1n << 64n) - 1n,
  }
  const [markKey, signature] = [Buffer.alloc(32, 3), Buffer.alloc(64, 4)]
  const { terms: read, payerKey: key, ...rest } = decodeChannel(encodeChannel({ terms, payerKey: payerKey.publicKey, markKey, signature }))
  expect(rest).toEqual({ markKey, signature })
  expect({ ...read, payer: read.payer.toString(), payee: read.payee.toString(), key }).toEqual({
    ...terms,
    payer: terms.payer.toString(),
    payee: terms.payee.toString(),
    key: payerKey.publicKey,
  })
})

test.each<[string, Record<string, unknown>]>([
  ['a ceiling that is a number', { ceiling: 5 }],
  ['too many jobs', { jobs: Array(1_001).fill([rid(1), '1']) }],
  ['a job of no request', { jobs: [['x', '1']] }],
  ['a short signature', { signature: '00' }],
  ['a channel that is none', { channel: 'x' }],
])('a payment with %s is malformed', (_, change) => {
  const good = JSON.parse(
    encodePayment({ channel: testAddress('c'), from: ton(0), ceiling: ton(1), signature: Buffer.alloc(64), jobs: [] }),
  ) as Record<string, unknown>
  expect(() => decodePayment(JSON.stringify({ ...good, ...change }))).toThrow(refused('malformed'))
})
