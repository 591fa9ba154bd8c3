import { describe, expect, test } from 'vitest'
import { GrowingBytes } from '../../src/lib/growing-bytes.ts'

const mebibyte = 1024 * 1024

describe('growing bytes', () => {
  test.each([undefined, 0, 10, 300_000, 20 * mebibyte])('are what was appended, whatever was expected (%s)', expected => {
    const growing = new GrowingBytes({ limit: 16 * mebibyte, expected })
    const size = 70_001
    for (let i = 0; i < 120; i++) growing.append(Buffer.alloc(size, i))
    expect(growing.length).toBe(120 * size)
    const { bytes } = growing
    expect(bytes.length).toBe(growing.length)
    for (let i = 0; i < 120; i++) expect(bytes.subarray(i * size, (i + 1) * size).equals(Buffer.alloc(size, i))).toBe(true)
  })

  test('are not copied where so many were expected', () => {
    const growing = new GrowingBytes({ limit: mebibyte, expected: 3 })
    growing.append(Uint8Array.of(1))
    growing.append(Uint8Array.of(2))
    const { buffer } = growing.bytes
    growing.append(Uint8Array.of(3))
    expect(growing.bytes.buffer).toBe(buffer)
    expect([...growing.bytes]).toEqual([1, 2, 3])
  })

  test('are a single piece itself', () => {
    const growing = new GrowingBytes({ limit: mebibyte, expected: 3 })
    const piece = Buffer.from('one')
    growing.append(Buffer.alloc(0))
    growing.append(piece)
    growing.append(Buffer.alloc(0))
    expect(growing.bytes.buffer).toBe(piece.buffer)
    expect(growing.bytes.toString()).toBe('one')
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
