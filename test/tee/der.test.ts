import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as der from '../../src/tee/der.ts'
import { oid, readElement, timeOf, unsigned } from './support/der-reader.ts'

const hex = (bytes: Buffer) => bytes.toString('hex')

describe('the DER writer', () => {
  test.each([
    ['an integer of zero', der.integer(0), '020100'],
    ['an integer below the sign bit', der.integer(127), '02017f'],
    ['an integer that needs a zero before it', der.integer(128), '02020080'],
    ['an integer of bytes, without leading zeros', der.integer(Buffer.from('0000ff01', 'hex')), '020300ff01'],
    ['an integer of zero bytes', der.integer(Buffer.from('0000', 'hex')), '020100'],
    ['an enumerated', der.enumerated(1), '0a0101'],
    ['true', der.boolean(true), '0101ff'],
    ['named bits, cut after the last one', der.namedBits([0, 1]), '030206c0'],
    ['named bits 5 and 6', der.namedBits([5, 6]), '03020106'],
    ['named bits beyond a byte', der.namedBits([8]), '0303070080'],
    ['no named bits', der.namedBits([]), '030100'],
    ['Intel’s SGX arc', der.objectIdentifier('1.2.840.113741.1.13.1'), '06092a864886f84d010d01'],
    ['a printable string', der.printableString('US'), '13025553'],
    ['a UTF-8 string', der.utf8String('é'), '0c02c3a9'],
    ['a primitive in context', der.primitive(6, Buffer.from('ab')), '86026162'],
    ['a constructed in context', der.constructed(3, der.integer(2)), 'a303020102'],
    ['a time in 2049', der.time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)), `170d${Buffer.from('491231235959Z').toString('hex')}`],
    ['a time in 2050', der.time(Date.UTC(2050, 0, 1)), `180f${Buffer.from('20500101000000Z').toString('hex')}`],
  ])('writes %s', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected)
  })

  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8180'],
    [255, '81ff'],
    [256, '820100'],
    [65536, '83010000'],
  ])('writes the length %i in its shortest form', (size, expected) => {
    expect(hex(der.octetString(Buffer.alloc(size)).subarray(1, 1 + expected.length / 2))).toBe(expected)
  })

  test('reads back every integer, object identifier and time', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), bytes => {
        const read = readElement(der.integer(bytes))
        expect(BigInt(`0x${hex(unsigned(read))}`)).toBe(BigInt(`0x${hex(Buffer.from(bytes))}`))
        expect(read.contents.length > 1 && read.contents[0] === 0 && read.contents[1]! < 0x80).toBe(false)
      }),
    )
    fc.assert(
      fc.property(fc.nat(2), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 8 }), (first, second, rest) => {
        const dotted = [first, second, ...rest].join('.')
        expect(oid(readElement(der.objectIdentifier(dotted)))).toBe(dotted)
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2000, 0) / 1000, max: Date.UTC(2200, 0) / 1000 }), seconds => {
        expect(timeOf(readElement(der.time(seconds * 1000)))).toBe(seconds * 1000)
      }),
    )
  })
})
