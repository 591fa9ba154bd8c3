/** The crypto port on `node:crypto`: the default behind the room's door. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { concat, fromHex, latin1 } from './bytes.ts'
import type { CryptoPort } from './crypto-port.ts'

// RFC 5480: SubjectPublicKeyInfo of id-ecPublicKey on prime256v1, up to the point.
const spkiPrefix = fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200')
/** Importing a key costs as much as using it, and CA keys come again and again. Attackers choose keys too, so the memory is bounded. */
const keys = new LRUCache<string, KeyObject>({ max: 256 })

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
  const id = latin1(point)
  const known = keys.get(id)
  if (known) return known
  const key = createPublicKey({ key: Buffer.from(concat(spkiPrefix, point)), format: 'der', type: 'spki' })
  keys.set(id, key)
  return key
}
