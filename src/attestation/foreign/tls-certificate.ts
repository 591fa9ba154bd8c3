/**
 * TLS certificates that carry evidence ("RA-TLS"), as far as the evidence needs them: the public key, their time, and what their
 * extensions hold. Who signed one is not asked: the quote vouches for the key, and a handshake shows who has it. So the
 * algorithm of the signature is free too.
 */
import { expect, readAll, readOid, readOne, readTime, readTrue, tags } from '../tdx/der.ts'
import { malformed } from './shape.ts'

const maxCertificate = 64 * 1024

export interface TlsCertificate {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** The bits of the key in it. */
  readonly publicKey: Uint8Array
  /** OID of the key's algorithm. */
  readonly keyAlgorithm: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** What each extension's OCTET STRING holds, by OID. */
  readonly extensions: ReadonlyMap<string, Uint8Array>
}

/** The first certificate of a PEM text, or the one that DER bytes are. Throws {@link AttestationError} `evidence-malformed`. */
export function readTlsCertificate(document: string | Uint8Array): TlsCertificate {
  const der = typeof document === 'string' ? firstOfPem(document) : document
  if (der.length > maxCertificate) throw malformed(`a certificate of ${der.length} bytes`)
  try {
    return certificate(der)
  } catch (cause) {
    throw malformed('the certificate is not DER of X.509 version 3', cause)
  }
}

function firstOfPem(text: string): Buffer {
  const [, base64] = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,90000})-----END CERTIFICATE-----/.exec(text) ?? []
  if (base64 === undefined) throw malformed('no certificate in PEM')
  return Buffer.from(base64, 'base64')
}

function certificate(der: Uint8Array): TlsCertificate {
  const [tbs] = readAll(readOne(der, tags.sequence).contents, 3)
  const fields = readAll(expect(tbs, tags.sequence).contents, 10)
  if (fields.shift()?.tag !== 0xa0) throw new RangeError('not version 3')
  const [, , , validity, , spki, ...rest] = fields
  const [notBefore, notAfter] = readAll(expect(validity, tags.sequence).contents, 2)
  const [algorithm, key] = readAll(expect(spki, tags.sequence).contents, 2)
  const extensions = new Map<string, Uint8Array>()
  const list = rest.find(({ tag }) => tag === 0xa3)
  for (const extension of list ? readAll(readOne(list.contents, tags.sequence).contents, 32) : []) {
    const parts = readAll(expect(extension, tags.sequence).contents, 3)
    if (parts.length === 3) readTrue(parts[1])
    const oid = readOid(parts[0])
    if (extensions.has(oid)) throw new RangeError('an extension twice')
    extensions.set(oid, expect(parts.at(-1), tags.octetString).contents)
  }
  return {
    spki: expect(spki, tags.sequence).raw,
    publicKey: expect(key, tags.bitString).contents.subarray(1),
    keyAlgorithm: readOid(readAll(expect(algorithm, tags.sequence).contents, 2)[0]),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    extensions,
  }
}
