/** Byte strings without Node, beside Node's own: the same for what has one spelling, nothing for what has another. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBase64, fromHex, isZero, latin1, sameBytes, toHex } from '../../../src/attestation/tdx/bytes.ts'

describe('base64', () => {
  test('of any bytes is read as Node reads it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        expect(fromBase64(Buffer.from(bytes).toString('base64'))).toEqual(bytes)
      }),
    )
  })

  test('in any text is read only where it is the one spelling of what it says', () => {
    const signs = fc.constantFrom(...'ABCDwxyz0189+/====-_\n \u0080\u00ff\u0141'.split(''))
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 12 }), list => {
        const text = list.join('')
        const bytes = Buffer.from(text, 'base64')
        expect(fromBase64(text)).toEqual(bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined)
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    ['padding inside', 'AA=ABBBB'],
    ['padding alone', '===='],
    ['too much padding', 'A==='],
    ['no padding', 'AAA'],
    ['bits left over', 'AAB='],
    ['more bits left over', 'AB=='],
    ['the alphabet of URLs', 'AA-_'],
    ['a line feed', 'AAA\nAAAA'],
    ['a sign beyond ASCII', 'AAA\u0141'],
    ['a sign of the upper half', 'AAA\u00c1'],
  ])('is not read with %s', (_, text) => {
    expect(fromBase64(text)).toBeUndefined()
  })
})

test('hex is read in either case, and written in the lower', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      const hex = Buffer.from(bytes).toString('hex')
      expect([toHex(bytes), toHex(fromHex(hex)), toHex(fromHex(hex.toUpperCase()))]).toEqual([hex, hex, hex])
    }),
  )
})

test('latin1 loses no byte, however many there are', () => {
  for (const size of [0, 1, 4095, 4096, 4097, 20_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, index) => index % 256)
    expect(latin1(bytes)).toBe(Buffer.from(bytes).toString('latin1'))
  }
})

test('the same bytes are the same, and no others are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8, max: 1 }), fc.uint8Array({ maxLength: 8, max: 1 }), (a, b) => {
      expect(sameBytes(a, b)).toBe(Buffer.from(a).equals(b))
      expect(isZero(a)).toBe(Buffer.from(a).equals(Buffer.alloc(a.length)))
    }),
  )
})
