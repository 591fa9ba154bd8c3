/** What travels between payer and payee: read as it was written, and nothing that was changed is taken. */
import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ed25519RawPublicKey } from '../../src/lib/ed25519.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import type { PayErrorCode } from '../../src/payouts/index.ts'
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
  verifyMark,
} from '../../src/payouts/wire.ts'
import { testAddress } from '../support/ton.ts'
import { digest, offer, payerKey, rid, ton } from './world.ts'

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
  const channel = testAddress('channel')
  const mark = encodeMark(channel, digest, payerKey.privateKey)

  test('says which channel pays, for this request alone', () => {
    const read = decodeMark(mark)
    expect(read.channel.equals(channel)).toBe(true)
    expect(() => verifyMark(read, digest, payerKey.publicKey)).not.toThrow()
    expect(() => verifyMark(read, Buffer.alloc(32), payerKey.publicKey)).toThrow(refused('bad-signature'))
    expect(() => verifyMark(read, digest, publicKey)).toThrow(refused('bad-signature'))
    expect(() => verifyMark({ ...read, channel: testAddress('other') }, digest, payerKey.publicKey)).toThrow(refused('bad-signature'))
  })

  test.each([
    ['nothing', ''],
    ['a channel alone', mark.split('.')[0]!],
    ['capitals', mark.toUpperCase()],
    ['more', `${mark}A`],
    ['another workchain', mark.replace(/^0/, '1')],
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
  const { terms: read, payerKey: key } = decodeChannel(encodeChannel({ terms, payerKey: payerKey.publicKey }))
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
