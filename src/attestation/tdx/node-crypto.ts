/** The crypto port on `node:crypto`: the default behind the room's door. */
import { createHash, createPublicKey, hash as hashOnce, type KeyObject, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { concat, fromHex } from './bytes.ts'
import type { CryptoPort } from './crypto-port.ts'

// RFC 5480: SubjectPublicKeyInfo of id-ecPublicKey on prime256v1, up to the point.
const spkiPrefix = fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200')
/** How many imported keys are kept: importing one costs half of using it, and CA keys come again and again. Attackers choose keys too. */
const maxKeys = 64

/** A port with a memory of its own for imported keys. */
export function createNodeCrypto(): CryptoPort {
  const keys = new LRUCache<string, KeyObject>({ max: maxKeys })
  return {
    sha256(...parts) {
      const hash = createHash('sha256')
      for (const part of parts) hash.update(part)
      return hash.digest()
    },
    // A log has thousands of short ones: at once is a quarter faster than in parts, and copying them costs little.
    sha384: (...parts) => hashOnce('sha384', concat(...parts), 'buffer'),
    verifyP256(publicKey, message, signature) {
      if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false
      try {
        return verify('sha256', message, importKey(publicKey, keys), toDer(signature))
      } catch {
        return false
      }
    },
  }
}

/** The port that the whole process shares. */
export const nodeCrypto = createNodeCrypto()

function importKey(point: Uint8Array, keys: LRUCache<string, KeyObject>): KeyObject {
  const id = Buffer.from(point.buffer, point.byteOffset, point.length).toString('latin1')
  const known = keys.get(id)
  if (known) return known
  const key = createPublicKey({ key: Buffer.from(concat(spkiPrefix, point)), format: 'der', type: 'spki' })
  keys.set(id, key)
  return key
}

/**
 * r || s as ECDSA-Sig-Value (RFC 3279 §2.2.3). Node would do it too (`ieee-p1363`), but takes half as long again for the whole
 * verification, because it asks OpenSSL for the curve of the key each time.
 */
function toDer(signature: Uint8Array): Uint8Array {
  const r = integer(signature.subarray(0, 32))
  const s = integer(signature.subarray(32))
  return concat(Uint8Array.of(0x30, r.length + s.length), r, s)
}

/** An unsigned number as a minimal INTEGER, of at most 35 bytes. */
function integer(number: Uint8Array): Uint8Array {
  let zeros = 0
  while (zeros < number.length - 1 && number[zeros] === 0) zeros++
  const digits = number.subarray(zeros)
  const sign = digits[0]! & 0x80 ? [0] : []
  return Uint8Array.of(0x02, sign.length + digits.length, ...sign, ...digits)
}
