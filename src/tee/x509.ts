/**
 * Certificates and revocation lists (RFC 5280), written from plain descriptions and signed with ECDSA and SHA-256 (or SHA-384), in the
 * form of Intel's SGX PKI: same extensions, same order, same criticality. A description can say anything, also what no certificate
 * should: the builder does not judge, so that a verifier can be shown every mistake.
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import * as der from './der.ts'

/** Attribute types of a name, in the order in which they stand. */
export type Name = readonly (readonly [type: 'CN' | 'O' | 'L' | 'ST' | 'C', value: string])[]

export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** DER of the extension's own type; what the outer OCTET STRING holds. */
  readonly value: Uint8Array
}

/** A certificate before it is signed. Times in milliseconds. */
export interface CertificateSpec {
  /** Unsigned, big-endian. */
  readonly serial: Uint8Array
  readonly issuer: Name
  readonly subject: Name
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: KeyObject
  readonly extensions: readonly Extension[]
  /** Signs; the right one is the private key of `issuer`. */
  readonly issuerKey: KeyObject
  /** SHA-256 unless another is named. */
  readonly hash?: 'sha256' | 'sha384'
}

/** A revocation list before it is signed. Times in milliseconds. */
export interface CrlSpec {
  readonly issuer: Name
  readonly thisUpdate: number
  /** `null` leaves the field out, which RFC 5280 §5.1.2.5 forbids and a verifier must refuse. */
  readonly nextUpdate: number | null
  /** Serial numbers, unsigned, big-endian; each is listed with reason key compromise, as Intel's are. */
  readonly revoked: readonly Uint8Array[]
  readonly extensions: readonly Extension[]
  readonly issuerKey: KeyObject
}

const ecdsaWithSha256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'))
const ecdsaWithSha384 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.3'))

/** The signed certificate, DER. */
export function certificate(spec: CertificateSpec): Buffer {
  return signed(tbsCertificate(spec), spec.issuerKey, spec.hash)
}

/** The part of a certificate that its signature covers (RFC 5280 §4.1.1.1). */
export function tbsCertificate(spec: Omit<CertificateSpec, 'issuerKey'>): Buffer {
  return der.sequence(
    der.constructed(0, der.integer(2)),
    der.integer(spec.serial),
    spec.hash === 'sha384' ? ecdsaWithSha384 : ecdsaWithSha256,
    name(spec.issuer),
    der.sequence(der.time(spec.notBefore), der.time(spec.notAfter)),
    name(spec.subject),
    spec.publicKey.export({ format: 'der', type: 'spki' }),
    der.constructed(3, der.sequence(...spec.extensions.map(extension))),
  )
}

/** The signed revocation list, DER. */
export function certificateRevocationList(spec: CrlSpec): Buffer {
  return signed(tbsCertList(spec), spec.issuerKey)
}

/** The part of a revocation list that its signature covers (RFC 5280 §5.1.1.1). */
export function tbsCertList(spec: Omit<CrlSpec, 'issuerKey'>): Buffer {
  const keyCompromise = extension({ oid: '2.5.29.21', critical: false, value: der.enumerated(1) })
  const entries = spec.revoked.map(serial => der.sequence(der.integer(serial), der.time(spec.thisUpdate), der.sequence(keyCompromise)))
  return der.sequence(
    der.integer(1),
    ecdsaWithSha256,
    name(spec.issuer),
    der.time(spec.thisUpdate),
    ...(spec.nextUpdate === null ? [] : [der.time(spec.nextUpdate)]),
    // RFC 5280 §5.1.2.6: the list is left out, not empty, when nothing is revoked.
    ...(entries.length ? [der.sequence(...entries)] : []),
    // RFC 5280 §5.1.2.7: where there are none, they are left out as well.
    ...(spec.extensions.length ? [der.constructed(0, der.sequence(...spec.extensions.map(extension)))] : []),
  )
}

function signed(tbs: Buffer, key: KeyObject, hash: 'sha256' | 'sha384' = 'sha256'): Buffer {
  const algorithm = hash === 'sha384' ? ecdsaWithSha384 : ecdsaWithSha256
  return der.sequence(tbs, algorithm, der.bitString(sign(hash, tbs, key)))
}

const attributeTypes = { CN: '2.5.4.3', O: '2.5.4.10', L: '2.5.4.7', ST: '2.5.4.8', C: '2.5.4.6' }

function name(attributes: Name): Buffer {
  return der.sequence(
    ...attributes.map(([type, value]) =>
      der.set(der.sequence(der.objectIdentifier(attributeTypes[type]), type === 'C' ? der.printableString(value) : der.utf8String(value))),
    ),
  )
}

function extension({ oid, critical, value }: Extension): Buffer {
  return der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value))
}

/** RFC 5280 §4.2.1.1, by key identifier. */
export function authorityKeyIdentifier(keyId: Uint8Array): Extension {
  return { oid: '2.5.29.35', critical: false, value: der.sequence(der.primitive(0, keyId)) }
}

/** RFC 5280 §4.2.1.2. */
export function subjectKeyIdentifier(keyId: Uint8Array): Extension {
  return { oid: '2.5.29.14', critical: false, value: der.octetString(keyId) }
}

/** RFC 5280 §4.2.1.13, one point named by its address. */
export function crlDistributionPoint(url: string): Extension {
  const fullName = der.constructed(0, der.primitive(6, Buffer.from(url, 'latin1')))
  return { oid: '2.5.29.31', critical: false, value: der.sequence(der.sequence(der.constructed(0, fullName))) }
}

/** Bits of RFC 5280 §4.2.1.3. */
export const keyUsageBits = { digitalSignature: 0, nonRepudiation: 1, keyCertSign: 5, cRLSign: 6 }

/** RFC 5280 §4.2.1.3, critical as in Intel's certificates. */
export function keyUsage(...bits: readonly number[]): Extension {
  return { oid: '2.5.29.15', critical: true, value: der.namedBits(bits) }
}

/** RFC 5280 §4.2.1.9, critical as in Intel's certificates. */
export function basicConstraints(ca: boolean, pathLength?: number): Extension {
  const value = der.sequence(...(ca ? [der.boolean(true)] : []), ...(pathLength === undefined ? [] : [der.integer(pathLength)]))
  return { oid: '2.5.29.19', critical: true, value }
}

/** RFC 5280 §5.2.3. */
export function crlNumber(value: number): Extension {
  return { oid: '2.5.29.20', critical: false, value: der.integer(value) }
}

/** The 64 bytes x and y of a P-256 key, private or public: the form in which quotes carry keys. */
export function rawPoint(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  // The last 64 bytes of a P-256 SPKI are the uncompressed point without its leading 04 (RFC 5480 §2.2).
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-64)
}

/** RFC 7468 text of one or several certificates, each ending in a line feed, as Intel joins them. */
export function pem(...certificates: readonly Uint8Array[]): string {
  return certificates
    .map(bytes => {
      const lines =
        Buffer.from(bytes)
          .toString('base64')
          .match(/.{1,64}/g) ?? []
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
    })
    .join('')
}
