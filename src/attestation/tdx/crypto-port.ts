/** The two primitives that verification stands on, synchronous, so that the same core runs wherever they exist. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'

export interface CryptoPort {
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  /** Whether `signature` (r || s, 64 bytes) over SHA-256 of `message` is good under `publicKey`, an uncompressed P-256 point (65 bytes). False also for a point off the curve. */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

// RFC 5480: SubjectPublicKeyInfo of id-ecPublicKey on prime256v1, up to the point.
const spkiPrefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')
/** Importing a key costs as much as using it, and CA keys come again and again. Attackers choose keys too, so the memory is bounded. */
const keys = new LRUCache<string, KeyObject>({ max: 256 })

/** On `node:crypto`. */
export const nodeCrypto: CryptoPort = {
  sha256(...parts) {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  verifyP256(publicKey, message, signature) {
    if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false
    try {
      return verify('sha256', message, { key: importKey(publicKey), dsaEncoding: 'ieee-p1363' }, signature)
    } catch {
      return false
    }
  },
}

function importKey(point: Uint8Array): KeyObject {
  const id = Buffer.from(point.buffer, point.byteOffset, point.length).toString('latin1')
  const known = keys.get(id)
  if (known) return known
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, point]), format: 'der', type: 'spki' })
  keys.set(id, key)
  return key
}
