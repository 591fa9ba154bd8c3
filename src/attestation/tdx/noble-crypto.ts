/** The crypto port in JavaScript alone, on audited code: for browsers and wherever else `node:crypto` is not. */
import { p256 } from '@noble/curves/nist.js'
import { sha256, sha384 } from '@noble/hashes/sha2.js'
import type { CryptoPort } from './crypto-port.ts'

export const nobleCrypto: CryptoPort = {
  sha256(...parts) {
    const hash = sha256.create()
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  sha384(...parts) {
    const hash = sha384.create()
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  verifyP256(publicKey, message, signature) {
    if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false
    try {
      // Intel's signatures are not of the low-s form that the library asks for by default.
      return p256.verify(signature, message, publicKey, { lowS: false, prehash: true, format: 'compact' })
    } catch {
      return false
    }
  },
}
