/**
 * What verifying NVIDIA's evidence stands on: SHA-2, and ECDSA on P-384. A P-384 check takes a millisecond where P-256 takes
 * a fifteenth, and one GPU needs up to five, so the port is asynchronous: on Node they run in the thread pool and never hold
 * the event loop, in a browser WebCrypto has nothing else to offer.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'

export interface GpuCrypto {
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  sha384(...parts: readonly Uint8Array[]): Uint8Array
  /** Whether `signature` (r || s, 96 bytes) over SHA-384 of `message` is good under `publicKey`, an uncompressed P-384 point (97 bytes). False also for a point off the curve. */
  verifyP384(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
}

// RFC 5480: SubjectPublicKeyInfo of id-ecPublicKey on secp384r1, up to the point.
const spkiPrefix = Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex')
/** Importing a key costs a third of using it, and NVIDIA's CA keys come with every GPU. Attackers choose keys too, so the memory is bounded. */
const keys = new LRUCache<string, KeyObject>({ max: 256 })

/** On `node:crypto`; signatures are checked in the thread pool. */
export const nodeGpuCrypto: GpuCrypto = {
  sha256: (...parts) => digest('sha256', parts),
  sha384: (...parts) => digest('sha384', parts),
  async verifyP384(publicKey, message, signature) {
    if (publicKey.length !== 97 || publicKey[0] !== 4 || signature.length !== 96) return false
    try {
      const key = importKey(publicKey)
      return await new Promise<boolean>((resolve, reject) =>
        verify('sha384', message, { key, dsaEncoding: 'ieee-p1363' }, signature, (error, good) => (error ? reject(error) : resolve(good))),
      )
    } catch {
      return false
    }
  },
}

/**
 * The same checks, each made once: that a signature is good under a key never changes, whatever the time and the policy, so
 * the CA certificates that every GPU shows cost nothing after the first. Only good ones are remembered, `max` at most.
 */
export function rememberingSignatures(crypto: GpuCrypto, max = 1024): GpuCrypto {
  const good = new LRUCache<string, true>({ max })
  return {
    ...crypto,
    async verifyP384(publicKey, message, signature) {
      const id = Buffer.from(crypto.sha384(publicKey, signature, crypto.sha384(message))).toString('latin1')
      if (good.has(id)) return true
      const answer = await crypto.verifyP384(publicKey, message, signature)
      if (answer) good.set(id, true)
      return answer
    },
  }
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function importKey(point: Uint8Array): KeyObject {
  const id = Buffer.from(point.buffer, point.byteOffset, point.length).toString('latin1')
  const known = keys.get(id)
  if (known) return known
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, point]), format: 'der', type: 'spki' })
  keys.set(id, key)
  return key
}
