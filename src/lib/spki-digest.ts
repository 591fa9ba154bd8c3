import { createHash, type X509Certificate } from 'node:crypto'

/** SHA-256 of a certificate's SubjectPublicKeyInfo, lowercase hex: what names a TLS key. */
export function spkiDigest({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}
