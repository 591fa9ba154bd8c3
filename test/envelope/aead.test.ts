import { createSecretKey } from 'node:crypto'
import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSuite, open, seal } from '../../src/envelope/aead.ts'
import type { Suite } from '../../src/envelope/index.ts'
import { concat } from '../../src/lib/bytes.ts'
import { codeOf, flipped, seededRandom } from './sample.ts'

const suites = [
  { name: 'AES-256-GCM', suite: 1 as Suite, other: gcm },
  { name: 'ChaCha20-Poly1305', suite: 2 as Suite, other: chacha20poly1305 },
]
const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const inputs = fc.record({
  key: exactly(32),
  nonce: exactly(12),
  aad: fc.uint8Array({ maxLength: 40 }),
  plaintext: fc.uint8Array({ maxLength: 300 }),
})

/** Ciphertext and tag joined, as on the wire. */
function sealed(suite: Suite, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  const { ciphertext, tag } = seal(suite, createSecretKey(key), nonce, aad, plaintext)
  return concat(ciphertext, tag)
}

describe.each(suites)('$name', ({ suite, other }) => {
  test('seals to the bytes that another implementation seals to', () => {
    fc.assert(
      fc.property(inputs, ({ key, nonce, aad, plaintext }) => {
        expect(sealed(suite, key, nonce, aad, plaintext)).toEqual(Buffer.from(other(key, nonce, aad).encrypt(plaintext)))
      }),
      { numRuns: 60 },
    )
  })

  test('opens what another implementation sealed', () => {
    fc.assert(
      fc.property(inputs, ({ key, nonce, aad, plaintext }) => {
        const theirs = other(key, nonce, aad).encrypt(plaintext)
        expect(open(suite, createSecretKey(key), nonce, aad, theirs)).toEqual(Buffer.from(plaintext))
      }),
      { numRuns: 60 },
    )
  })

  const random = seededRandom('aead')
  const [key, nonce, aad, plaintext] = [random(32), random(12), random(20), random(33)]
  const good = sealed(suite, key, nonce, aad, plaintext)
  const opened = (k: Uint8Array, n: Uint8Array, a: Uint8Array, bytes: Uint8Array) =>
    codeOf(() => open(suite, createSecretKey(k), n, a, bytes))

  test('opens with the same key, nonce and associated data', () => {
    expect(opened(key, nonce, aad, good)).toBeUndefined()
  })

  test('does not open with any bit of ciphertext or tag turned over', () => {
    for (let bit = 0; bit < good.length * 8; bit++)
      expect(opened(key, nonce, aad, flipped(good, bit >> 3, 1 << (bit & 7)))).toBe('does-not-open')
  })

  test('does not open with any bit of key, nonce or associated data turned over', () => {
    for (let bit = 0; bit < 32 * 8; bit++) expect(opened(flipped(key, bit >> 3, 1 << (bit & 7)), nonce, aad, good)).toBe('does-not-open')
    for (let bit = 0; bit < 12 * 8; bit++) expect(opened(key, flipped(nonce, bit >> 3, 1 << (bit & 7)), aad, good)).toBe('does-not-open')
    for (let bit = 0; bit < 20 * 8; bit++) expect(opened(key, nonce, flipped(aad, bit >> 3, 1 << (bit & 7)), good)).toBe('does-not-open')
    expect(opened(key, nonce, aad.subarray(1), good)).toBe('does-not-open')
    expect(opened(key, nonce, concat(aad, Buffer.of(0)), good)).toBe('does-not-open')
  })

  test('does not open cut short or with bytes added', () => {
    for (let size = 0; size < good.length; size++)
      expect(opened(key, nonce, aad, good.subarray(0, size))).toBe(size < 16 ? 'malformed' : 'does-not-open')
    expect(opened(key, nonce, aad, concat(good, Buffer.of(0)))).toBe('does-not-open')
  })

  test('does not open what the other suite sealed', () => {
    expect(opened(key, nonce, aad, sealed(suite === 1 ? 2 : 1, key, nonce, aad, plaintext))).toBe('does-not-open')
  })
})

test('one and two are the suites, and nothing else is', () => {
  expect([0, 1, 2, 3, 255, undefined].filter(isSuite)).toEqual([1, 2])
})
