/**
 * The secret that payer and payee of a channel share, so that each request can be marked for a few microseconds: X25519 between a key of
 * each, both made from the keys that sign, so that they are the same after every restart.
 */
import { createPrivateKey, createPublicKey, createSecretKey, diffieHellman, hkdfSync, type KeyObject } from 'node:crypto'
import { messageOf } from '../lib/coded-error.ts'
import { PayError } from './errors.ts'

// RFC 8410 §7 and §4: everything that stands before the 32 bytes of an X25519 key in PKCS #8 and in SPKI.
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')

export interface MarkKey {
  readonly privateKey: KeyObject
  /** Raw, 32 bytes. */
  readonly publicKey: Buffer
}

/** The mark key beside an Ed25519 signing key: HKDF-SHA256 of its seed. */
export function markKeyOf(signingKey: KeyObject): MarkKey {
  const seed = Buffer.from(signingKey.export({ format: 'jwk' }).d!, 'base64url')
  const scalar = Buffer.from(hkdfSync('sha256', seed, Buffer.alloc(0), 'chrysalis pay mark key v1', 32))
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, scalar]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
  return { privateKey, publicKey }
}

/** The secret of a channel (its raw address as text). `theirs` is raw. Throws {@link PayError} `malformed` for a key that agrees on nothing. */
export function markSecret(own: KeyObject, theirs: Uint8Array, channel: string): KeyObject {
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, theirs]), format: 'der', type: 'spki' })
    const shared = diffieHellman({ privateKey: own, publicKey })
    return createSecretKey(Buffer.from(hkdfSync('sha256', shared, Buffer.from(channel), 'chrysalis pay mark v1', 32)))
  } catch (cause) {
    throw new PayError('malformed', `a mark key cannot be used: ${messageOf(cause)}`, { cause })
  }
}
