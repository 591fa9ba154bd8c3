/**
 * Raw Ed25519 keys (RFC 8032) for `node:crypto`, which wants them wrapped. The wrapping costs as much as a verification,
 * so public keys are remembered; the memory is bounded, because whoever talks to us chooses them.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { concat, toHex } from './bytes.ts'

// RFC 8410 §7 and §4: everything that stands before the 32 bytes of a seed in PKCS #8, and of a public key in SPKI.
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

const known = new LRUCache<string, KeyObject>({ max: 4096 })

/** The key object of a raw public key of 32 bytes. Throws `RangeError` for another length. Whether it is a good point shows only in use. */
export function ed25519PublicKey(raw: Uint8Array): KeyObject {
  if (raw.length !== 32) throw new RangeError('an Ed25519 public key has 32 bytes')
  const name = toHex(raw)
  const found = known.get(name)
  if (found) return found
  const key = createPublicKey({ key: concat(spkiPrefix, raw), format: 'der', type: 'spki' })
  known.set(name, key)
  return key
}

/** The private key of a seed of 32 bytes. Throws `RangeError` for another length. */
export function ed25519PrivateKey(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new RangeError('an Ed25519 seed has 32 bytes')
  return createPrivateKey({ key: concat(pkcs8Prefix, seed), format: 'der', type: 'pkcs8' })
}

/** The raw public key, 32 bytes, of a private or public Ed25519 key. Throws `TypeError` for a key of another kind. */
export function ed25519RawPublicKey(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key')
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
}
