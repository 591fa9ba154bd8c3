/** The DER reader, and what stands on it: one spelling for each value, bounds everywhere, and no error but the two that it promises. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseQuote } from '../../../src/attestation/index.ts'
import * as der from '../../../src/attestation/tdx/der.ts'
import { parseCertificate, parseCrl, parsePemChain } from '../../../src/attestation/tdx/x509.ts'
import * as writer from '../../../src/tee/der.ts'
import { pem } from '../../../src/tee/index.ts'
import { outcome } from '../support/outcome.ts'
import { authority, now } from '../support/sample.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const element = (hex: string) => der.readOne(bytes(hex))

describe('an element', () => {
  test.each([
    ['with a short length', '0403 010203', 3],
    ['with nothing in it', '0500', 0],
    ['with a length of one byte more', `0481 80${'00'.repeat(128)}`, 128],
    ['with a length of two bytes more', `0482 0100${'00'.repeat(256)}`, 256],
    ['with a length of three bytes more', `0483 010000${'00'.repeat(65_536)}`, 65_536],
  ])('%s is read', (_, hex, size) => {
    const { contents, raw } = element(hex)
    expect([contents.length, raw.length]).toEqual([size, bytes(hex).length])
  })

  test.each([
    ['nothing', ''],
    ['a tag alone', '04'],
    ['contents that are cut off', '0403 0102'],
    ['contents that are missing', '0401'],
    ['a length that is cut off', '0482 01'],
    ['a byte after it', '0401 00 00'],
    ['an indefinite length', '3080 0500 0000'],
    ['a length of four bytes', '0484 00000001 00'],
    ['a length of 127 bytes', '04ff'],
    ['a long length for 127', `0481 7f${'00'.repeat(127)}`],
    ['a long length of zero', '0481 00'],
    ['a length with a zero before it', `0482 00ff${'00'.repeat(255)}`],
    ['three bytes of length for two', `0483 000100${'00'.repeat(256)}`],
    ['a length beyond the end', '0483 ffffff'],
    ['a tag of several bytes', '1f01 00'],
    ['a context tag of several bytes', 'bf02 0500'],
  ])('is not %s', (_, hex) => {
    expect(() => element(hex)).toThrow(der.DerError)
  })

  test('is of the tag that was asked for', () => {
    expect(der.readOne(bytes('0500'), 5).tag).toBe(5)
    expect(() => der.readOne(bytes('0500'), 4)).toThrow('tag 5 in place of 4')
    expect(() => der.expect(undefined, undefined)).toThrow('an element is missing')
  })
})

describe('several elements', () => {
  test('are read to the end, up to a limit', () => {
    expect(der.readAll(bytes('0500 0101ff 0201 05')).map(({ tag }) => tag)).toEqual([5, 1, 2])
    expect(der.readAll(bytes(''))).toEqual([])
    expect(der.readAll(bytes('0500 0500'), 2)).toHaveLength(2)
    expect(() => der.readAll(bytes('0500 0500 0500'), 2)).toThrow('too many elements')
    expect(() => der.readAll(bytes('0500 05'))).toThrow('cut off')
    expect(() => der.readAll(bytes('0500 0403 0102'))).toThrow('cut off')
  })
})

type Reader = (element: der.Element) => unknown
describe('a value', () => {
  test.each<[string, Reader, string, unknown]>([
    ['an integer of zero', der.readInteger, '020100', 0n],
    ['an integer below the sign bit', der.readInteger, '02017f', 127n],
    ['an integer with its zero before the sign bit', der.readInteger, '02020080', 128n],
    ['an integer of 21 bytes', der.readInteger, `0215${'00'}${'ff'.repeat(20)}`, 2n ** 160n - 1n],
    ['a small number', der.readSmall, '0204 7fffffff', 2 ** 31 - 1],
    ['true', der.readBoolean, '0101ff', true],
    ['false', der.readBoolean, '010100', false],
    ['a bit string', der.readBitString, '030300abcd', bytes('abcd')],
    ['an empty bit string', der.readBitString, '030100', bytes('')],
    ['an object identifier', der.readOid, '06092a864886f84d010d01', '1.2.840.113741.1.13.1'],
    ['an object identifier under 2.999', der.readOid, '0603883703', '2.999.3'],
    ['a time of the last century', der.readTime, `170d${ascii('991231235959Z')}`, Date.UTC(1999, 11, 31, 23, 59, 59)],
    ['a time of this century', der.readTime, `170d${ascii('490101000000Z')}`, Date.UTC(2049, 0, 1)],
    ['a time of four digits', der.readTime, `180f${ascii('20520229000000Z')}`, Date.UTC(2052, 1, 29)],
  ])('%s', (_, read, hex, value) => {
    expect(read(element(hex))).toEqual(value)
  })

  test.each<[string, Reader, string]>([
    ['an integer without bytes', der.readInteger, '0200'],
    ['a negative integer', der.readInteger, '020180'],
    ['an integer of minus one', der.readInteger, '0201ff'],
    ['an integer with a zero too many', der.readInteger, '0202007f'],
    ['an integer of 22 bytes', der.readInteger, `0216${'01'.repeat(22)}`],
    ['a number of five bytes', der.readSmall, '0205 0100000000'],
    ['an integer under another tag', der.readInteger, '0a0101'],
    ['a boolean of another value', der.readBoolean, '010101'],
    ['a boolean of two bytes', der.readBoolean, '0102ffff'],
    ['a boolean of none', der.readBoolean, '0100'],
    ['a bit string without its count', der.readBitString, '0300'],
    ['a bit string of part bytes', der.readBitString, '030204f0'],
    ['an object identifier of nothing', der.readOid, '0600'],
    ['an object identifier that is cut off', der.readOid, '06022a86'],
    ['an object identifier with a zero too many', der.readOid, '06032a8001'],
    ['an object identifier with a huge number', der.readOid, '06072affffffffff7f'],
    ['a time without seconds', der.readTime, `170b${ascii('4901010000Z')}`],
    ['a time of another zone', der.readTime, `1711${ascii('490101000000+0100')}`],
    ['a time with a part of a second', der.readTime, `1811${ascii('20520101000000.5Z')}`],
    ['the 31st of February', der.readTime, `170d${ascii('490231000000Z')}`],
    ['the 29th of February of no leap year', der.readTime, `170d${ascii('490229000000Z')}`],
    ['the 13th month', der.readTime, `170d${ascii('491301000000Z')}`],
    ['the hour 24', der.readTime, `170d${ascii('490101240000Z')}`],
    ['the minute 60', der.readTime, `170d${ascii('490101006000Z')}`],
    ['the second 60', der.readTime, `170d${ascii('490101000060Z')}`],
    ['a time of other signs', der.readTime, `170d${ascii('49010100000٠').slice(0, 26)}`],
    ['a time under another tag', der.readTime, `160d${ascii('490101000000Z')}`],
  ])('is not %s', (_, read, hex) => {
    expect(() => read(element(hex))).toThrow(der.DerError)
  })

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.uint8Array({ maxLength: 300 }), (number, contents) => {
        expect(der.readSmall(der.readOne(writer.integer(number)))).toBe(number)
        expect(Buffer.from(der.readOne(writer.octetString(contents)).contents).equals(contents)).toBe(true)
        expect(Buffer.from(der.readBitString(der.readOne(writer.bitString(contents)))).equals(contents)).toBe(true)
        expect(der.readOid(der.readOne(writer.objectIdentifier(`1.2.${number}`)))).toBe(`1.2.${number}`)
      }),
    )
    fc.assert(
      fc.property(fc.date({ min: new Date('1950-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }), date => {
        const at = Math.floor(date.getTime() / 1000) * 1000
        if (date.getUTCFullYear() >= 1950) expect(der.readTime(der.readOne(writer.time(at)))).toBe(at)
      }),
    )
  })
})

describe('bytes that anybody sends', () => {
  const { pckCrl } = authority.collateral(now)
  const { pck, pckCa, root } = authority.certificates
  const quote = authority.issueQuote()
  const readers: Readonly<Record<string, [good: Buffer, read: (bytes: Buffer) => unknown]>> = {
    certificate: [pck, parseCertificate],
    'revocation list': [pckCrl, parseCrl],
    quote: [quote, parseQuote],
    'chain of certificates': [Buffer.from(pem(pck, pckCa, root)), changed => parsePemChain(changed.toString('latin1'), 3)],
  }

  test.each(Object.entries(readers))('are a %s or refused, and nothing else ever comes of them', (_, [good, read]) => {
    expect(outcome(() => read(good))).toBe('accepted')
    const noise = fc.uint8Array({ maxLength: 600 }).map(array => Buffer.from(array))
    const cut = fc.nat(good.length - 1).map(size => good.subarray(0, size))
    const patched = fc
      .tuple(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([at, patch]) => Buffer.concat([good.subarray(0, at), patch, good.subarray(at + patch.length)]))
    const spliced = fc
      .tuple(fc.nat(good.length), fc.nat(good.length), fc.uint8Array({ maxLength: 20 }))
      .map(([from, to, patch]) => Buffer.concat([good.subarray(0, from), patch, good.subarray(to)]))
    fc.assert(
      fc.property(fc.oneof(noise, cut, patched, spliced), changed => {
        outcome(() => read(changed)) // throws on whatever is not an AttestationError
      }),
      { numRuns: 1500 },
    )
  })

  test('are bounded in depth and number, and refused at once', () => {
    let deep: Buffer = Buffer.alloc(0)
    for (let depth = 0; depth < 2000; depth++) deep = writer.sequence(deep)
    const wide = writer.sequence(Buffer.alloc(120_000, bytes('0500')))
    const hostile = [deep, wide, Buffer.alloc(16 * 1024, 0x30), Buffer.alloc(16 * 1024, 0xff), Buffer.alloc(1024 * 1024, 0x30)]
    const began = performance.now()
    for (const bad of hostile) {
      expect(outcome(() => parseCertificate(bad))).toBe('certificate-malformed')
      expect(outcome(() => parseCrl(bad))).toBe('collateral-malformed')
      expect(outcome(() => parsePemChain(bad.toString('latin1'), 3))).toBe('certificate-malformed')
      expect(outcome(() => parseQuote(bad))).toMatch(/^quote-/)
    }
    const halves = '-----BEGIN CERTIFICATE-----\n'.repeat(430)
    expect(outcome(() => parsePemChain(halves, 3))).toBe('certificate-malformed')
    expect(outcome(() => parsePemChain(`-----BEGIN CERTIFICATE-----\n${'\n'.repeat(12_000)}`, 3))).toBe('certificate-malformed')
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

function ascii(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex')
}
