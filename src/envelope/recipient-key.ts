/** The keys requests are sealed to, made in the enclave and known by the hash of their public half. */
import { randomBytes } from 'node:crypto'
import { sha256 } from '../lib/bytes.ts'
import { HpkePrivateKey } from './hpke.ts'
import type { Random } from './types.ts'

/** A public key of a worker, from a verified keyset: a key from anywhere else is no key. */
export interface RecipientKey {
  readonly kid: Uint8Array
  /** HPKE's number of the KEM. */
  readonly kem: number
  /** Raw bytes: 1216 for X-Wing, 32 for X25519. */
  readonly publicKey: Uint8Array
}

export interface RecipientKeyPair extends RecipientKey {
  readonly privateKey: HpkePrivateKey
}

/** First 8 bytes of H(raw public key). */
export function keyId(publicKey: Uint8Array): Buffer {
  return sha256(publicKey).subarray(0, 8)
}

/** A fresh key pair. Throws `misuse` for a KEM that is not ours. */
export function generateRecipientKeyPair(kem: number, random: Random = randomBytes): RecipientKeyPair {
  return recipientKeyPair(kem, random(32))
}

/** The key pair of 32 bytes: X-Wing's seed, or an X25519 scalar. Throws `misuse` for a KEM that is not ours. */
export function recipientKeyPair(kem: number, seed: Uint8Array): RecipientKeyPair {
  const privateKey = new HpkePrivateKey(kem, seed)
  return { kid: keyId(privateKey.publicKey), kem, publicKey: privateKey.publicKey, privateKey }
}
