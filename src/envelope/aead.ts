/** The two AEADs (spec, "Primitives"), one call per message. Keys come as key objects: raw bytes cost three times as much. */
import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM, type KeyObject } from 'node:crypto'
import { EnvelopeError } from './errors.ts'
import type { Suite } from './types.ts'

export const tagSize = 16
export const nonceSize = 12

const tagLength = { authTagLength: tagSize }

/** Whether a byte is the number of a suite. */
export function isSuite(value: number | undefined): value is Suite {
  return value === 1 || value === 2
}

/** Encrypts. The tag follows the ciphertext on the wire; they are apart here so that a frame is put together in one copy. */
export function seal(
  suite: Suite,
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): { ciphertext: Buffer; tag: Buffer } {
  const cipher: CipherGCM =
    suite === 1 ? createCipheriv('aes-256-gcm', key, nonce, tagLength) : createCipheriv('chacha20-poly1305', key, nonce, tagLength)
  cipher.setAAD(aad, { plaintextLength: plaintext.length })
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/** Decrypts ciphertext || tag. Throws `does-not-open`. */
export function open(suite: Suite, key: KeyObject, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer {
  const size = sealed.length - tagSize
  if (size < 0) throw new EnvelopeError('malformed', 'a sealed text is shorter than its tag')
  const decipher: DecipherGCM =
    suite === 1 ? createDecipheriv('aes-256-gcm', key, nonce, tagLength) : createDecipheriv('chacha20-poly1305', key, nonce, tagLength)
  decipher.setAAD(aad, { plaintextLength: size })
  decipher.setAuthTag(sealed.subarray(size))
  const plaintext = decipher.update(sealed.subarray(0, size))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw new EnvelopeError('does-not-open', 'a seal is broken')
  }
  return plaintext
}
