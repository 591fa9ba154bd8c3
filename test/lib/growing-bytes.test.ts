import { describe, expect, test } from 'vitest'
import { GrowingBytes } from '../../src/lib/growing-bytes.ts'

const mebibyte = 1024 * 1024

describe('growing bytes', () => {
  test.each([undefined, 0, 10, 300_000, 20 * mebibyte])('are what was appended, whatever was expected (%s)', expected => {
    const growing = new GrowingBytes({ limit: 16 * mebibyte, expected })
    const piece = Buffer.alloc(70_001)
    for (let i = 0; i < 120; i++) growing.append(piece.fill(i))
    expect(growing.length).toBe(120 * piece.length)
    const { bytes } = growing
    expect(bytes.length).toBe(growing.length)
    for (let i = 0; i < 120; i++)
      expect(bytes.subarray(i * piece.length, (i + 1) * piece.length).equals(Buffer.alloc(piece.length, i))).toBe(true)
  })

  test('are not copied where so many were expected', () => {
    const growing = new GrowingBytes({ limit: mebibyte, expected: 3 })
    growing.append(Uint8Array.of(1))
    const { buffer } = growing.bytes
    growing.append(Uint8Array.of(2, 3))
    expect(growing.bytes.buffer).toBe(buffer)
  })

  test('are none before the first', () => {
    expect(new GrowingBytes({ limit: 1 }).bytes.length).toBe(0)
  })

  test('reach the limit and never pass it', () => {
    const growing = new GrowingBytes({ limit: 5 })
    growing.append(Buffer.alloc(5))
    expect(() => growing.append(Buffer.alloc(1))).toThrow(RangeError)
    expect(growing.length).toBe(5)
  })
})
