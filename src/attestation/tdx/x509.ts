/**
 * Certificates and revocation lists (RFC 5280), as far as Intel's PKI uses them: ECDSA on P-256 with SHA-256, and nothing
 * else. Certificates of a PKI that is the same on another curve are read by its {@link CertificateProfile}. What is not
 * understood and critical is refused.
 */

import { AttestationError } from '../errors.ts'
import { concat, fromBase64, fromHex, latin1, sameBytes } from './bytes.ts'
import type { CryptoPort } from './crypto-port.ts'
import {
  DerError,
  type Element,
  expect,
  readAll,
  readBitString,
  readInteger,
  readOid,
  readOne,
  readSmall,
  readTime,
  readTrue,
  tags,
} from './der.ts'

const idEcPublicKey = '1.2.840.10045.2.1'
const extensionIds = { keyUsage: '2.5.29.15', basicConstraints: '2.5.29.19', sgx: '1.2.840.113741.1.13.1' }
/** Extensions that may be critical here; any other critical one is refused. */
const understood = new Set<string>([extensionIds.keyUsage, extensionIds.basicConstraints])
const maxCertificate = 8 * 1024
const maxCrl = 1024 * 1024
const maxChain = 12 * 1024

/** The one curve and the one signature algorithm of a PKI. */
export interface CertificateProfile {
  readonly curveName: string
  readonly curve: string
  readonly algorithm: string
  /** Bytes of a coordinate, and of each half of a signature. */
  readonly size: number
}

/** ECDSA on P-256 with SHA-256: Intel's. */
export const p256Profile: CertificateProfile = {
  curveName: 'P-256',
  curve: '1.2.840.10045.3.1.7',
  algorithm: '1.2.840.10045.4.3.2',
  size: 32,
}
/** ECDSA on P-384 with SHA-384: NVIDIA's. */
export const p384Profile: CertificateProfile = {
  curveName: 'P-384',
  curve: '1.3.132.0.34',
  algorithm: '1.2.840.10045.4.3.3',
  size: 48,
}

export interface Certificate {
  readonly raw: Uint8Array
  readonly tbs: Uint8Array
  readonly serial: bigint
  /** Names as raw DER, compared byte by byte. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly commonName: string
  readonly notBefore: number
  readonly notAfter: number
  /** Uncompressed point: 65 bytes on P-256. */
  readonly publicKey: Uint8Array
  /** r || s: 64 bytes on P-256. */
  readonly signature: Uint8Array
  readonly isCa: boolean
  readonly pathLength: number | undefined
  readonly keyUsage: { readonly digitalSignature: boolean; readonly certSign: boolean; readonly crlSign: boolean }
  /** Contents of Intel's SGX extension, where there is one. */
  readonly sgx: Uint8Array | undefined
  /** What every extension holds, by OID. */
  readonly extensions: ReadonlyMap<string, Uint8Array>
}

export interface Crl {
  readonly tbs: Uint8Array
  readonly issuer: Uint8Array
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly revoked: ReadonlySet<bigint>
  readonly signature: Uint8Array
}

/** Parses one DER certificate of a profile. Throws {@link AttestationError} `certificate-malformed`. */
export function parseCertificate(der: Uint8Array, profile: CertificateProfile = p256Profile): Certificate {
  if (der.length > maxCertificate) throw new AttestationError('certificate-malformed', `a certificate of ${der.length} bytes`)
  return guarded('certificate-malformed', 'a certificate', () => certificate(der, profile))
}

function certificate(der: Uint8Array, profile: CertificateProfile): Certificate {
  const [tbs, algorithm, signature] = readAll(readOne(der, tags.sequence).contents, 3)
  checkAlgorithm(algorithm, profile)
  const fields = readAll(expect(tbs, tags.sequence).contents, 10)
  const version = fields.shift()
  if (version?.tag !== 0xa0 || readSmall(readOne(version.contents)) !== 2) throw new DerError('not an X.509 v3 certificate')
  const [serial, inner, issuer, validity, subject, spki, ...rest] = fields
  checkAlgorithm(inner, profile)
  const [notBefore, notAfter] = readAll(expect(validity, tags.sequence).contents, 2)
  const extensions = readExtensions(rest)
  return {
    raw: der,
    tbs: tbs!.raw,
    serial: readInteger(serial),
    issuer: expect(issuer, tags.sequence).raw,
    subject: expect(subject, tags.sequence).raw,
    commonName: readCommonName(subject!),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    publicKey: readPublicKey(spki, profile),
    signature: readSignature(signature, profile),
    ...readConstraints(extensions.get(extensionIds.basicConstraints)),
    keyUsage: readKeyUsage(extensions.get(extensionIds.keyUsage)),
    sgx: extensions.get(extensionIds.sgx),
    extensions,
  }
}

function checkAlgorithm(element: Element | undefined, { algorithm, size }: CertificateProfile): void {
  const [oid, ...parameters] = readAll(expect(element, tags.sequence).contents, 2)
  if (readOid(oid) !== algorithm || parameters.length > 0) throw new DerError(`not signed by ECDSA with SHA-${size * 8}`)
}

function readPublicKey(element: Element | undefined, profile: CertificateProfile): Uint8Array {
  const [algorithm, key] = readAll(expect(element, tags.sequence).contents, 2)
  const [kind, curve] = readAll(expect(algorithm, tags.sequence).contents, 2)
  const point = readBitString(key)
  if (readOid(kind) !== idEcPublicKey || readOid(curve) !== profile.curve || point.length !== 1 + 2 * profile.size || point[0] !== 4)
    throw new DerError(`not a ${profile.curveName} key`)
  return point
}

/** ECDSA-Sig-Value (RFC 3279 §2.2.3) as r || s. */
function readSignature(element: Element | undefined, { size }: CertificateProfile): Uint8Array {
  const [r, s] = readAll(readOne(readBitString(element), tags.sequence).contents, 2)
  const fixed = (value: bigint) => fromHex(value.toString(16).padStart(2 * size, '0'))
  return concat(fixed(readInteger(r, size + 1)), fixed(readInteger(s, size + 1)))
}

/** The one CN of a name. */
function readCommonName(name: Element): string {
  const found: string[] = []
  for (const set of readAll(name.contents, 16)) {
    for (const pair of readAll(expect(set, tags.set).contents, 4)) {
      const [oid, value] = readAll(expect(pair, tags.sequence).contents, 2)
      if (readOid(oid) === '2.5.4.3') found.push(latin1(expect(value, undefined).contents))
    }
  }
  if (found.length !== 1) throw new DerError('a name without its one CN')
  return found[0]!
}

/** Extensions by OID; a duplicate, or a critical one that is not understood, is refused (RFC 5280 §4.2). */
function readExtensions(rest: readonly Element[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  if (rest.length !== 1 || rest[0]!.tag !== 0xa3) throw new DerError('no extensions')
  for (const extension of readAll(readOne(rest[0]!.contents, tags.sequence).contents, 32)) {
    const parts = readAll(expect(extension, tags.sequence).contents, 3)
    const oid = readOid(parts[0])
    const critical = parts.length === 3 && readTrue(parts[1])
    if (found.has(oid)) throw new DerError(`extension ${oid} twice`)
    if (critical && !understood.has(oid)) throw new DerError(`critical extension ${oid}`)
    found.set(oid, expect(parts.at(-1), tags.octetString).contents)
  }
  return found
}

function readConstraints(value: Uint8Array | undefined): { isCa: boolean; pathLength: number | undefined } {
  if (!value) return { isCa: false, pathLength: undefined }
  const [ca, length] = readAll(readOne(value, tags.sequence).contents, 2)
  return { isCa: ca !== undefined && readTrue(ca), pathLength: length && readSmall(length) }
}

function readKeyUsage(value: Uint8Array | undefined): Certificate['keyUsage'] {
  const bits = value ? (expect(readOne(value, tags.bitString), tags.bitString).contents[1] ?? 0) : 0
  return { digitalSignature: (bits & 0x80) !== 0, certSign: (bits & 0x04) !== 0, crlSign: (bits & 0x02) !== 0 }
}

/** Parses a DER certificate revocation list. Throws {@link AttestationError} `collateral-malformed`; a list without nextUpdate is one. */
export function parseCrl(der: Uint8Array): Crl {
  if (der.length > maxCrl) throw new AttestationError('collateral-malformed', `a CRL of ${der.length} bytes`)
  return guarded('collateral-malformed', 'a CRL', () => crl(der))
}

function crl(der: Uint8Array): Crl {
  const [tbs, algorithm, signature] = readAll(readOne(der, tags.sequence).contents, 3)
  checkAlgorithm(algorithm, p256Profile)
  const [version, inner, issuer, thisUpdate, nextUpdate, ...rest] = readAll(expect(tbs, tags.sequence).contents, 7)
  if (readSmall(version) !== 1) throw new DerError('not a v2 CRL')
  checkAlgorithm(inner, p256Profile)
  const list = rest[0]?.tag === tags.sequence ? rest.shift() : undefined
  // Intel's lists have extensions; none of them says anything that is used here, so one that has none is read as well.
  const extensions = rest.shift()
  if (rest.length > 0 || (extensions && extensions.tag !== 0xa0)) throw new DerError('something else after the list of a CRL')
  for (const extension of extensions ? readAll(readOne(extensions.contents, tags.sequence).contents, 16) : []) {
    const parts = readAll(expect(extension, tags.sequence).contents, 3)
    if (parts.length === 3 && readTrue(parts[1])) throw new DerError(`critical CRL extension ${readOid(parts[0])}`)
  }
  const revoked = new Set<bigint>()
  for (const entry of list ? readAll(list.contents, 100_000) : [])
    revoked.add(readInteger(readAll(expect(entry, tags.sequence).contents, 3)[0]))
  return {
    tbs: tbs!.raw,
    issuer: expect(issuer, tags.sequence).raw,
    thisUpdate: readTime(thisUpdate),
    nextUpdate: readTime(nextUpdate),
    revoked,
    signature: readSignature(signature, p256Profile),
  }
}

// One character for each byte; what is not ASCII is refused below, whatever it is called.
const ascii = new TextDecoder('latin1')

/**
 * The certificates of a PEM text, exactly `count`. White space between and one closing NUL are allowed, anything else is not. One
 * that is among `parsed`, byte by byte, is given back as it is there. Throws `certificate-malformed`.
 */
export function parsePemChain(pem: string | Uint8Array, count: number, parsed: readonly Certificate[] = []): Certificate[] {
  const text = typeof pem === 'string' ? pem : ascii.decode(pem)
  const bad = (why: string) => new AttestationError('certificate-malformed', `a PEM chain ${why}`)
  if (text.length > maxChain) throw bad(`of ${text.length} characters`)
  const block = /\s*-----BEGIN CERTIFICATE-----\r?\n([^-]+\n)-----END CERTIFICATE-----/y
  const certificates: Certificate[] = []
  let end = 0
  for (let match = block.exec(text); match; match = block.exec(text)) {
    const der = fromBase64(match[1]!.replaceAll('\r\n', '\n').split('\n').join(''))
    if (!der) throw bad('that is not canonical base64')
    certificates.push(parsed.find(({ raw }) => sameBytes(raw, der)) ?? parseCertificate(der))
    end = block.lastIndex
  }
  if (text.slice(end).replace(/\0$/, '').trim() !== '') throw bad('with something else in it')
  if (certificates.length !== count) throw bad(`of ${certificates.length} certificates in place of ${count}`)
  return certificates
}

/** What a certificate is for in Intel's PKI. */
export interface Role {
  readonly name: string
  /** Text that the CN contains. */
  readonly commonName: string
  readonly ca: boolean
}

export const roles = {
  root: { name: 'root CA', commonName: 'SGX Root CA', ca: true },
  pckCa: { name: 'PCK CA', commonName: 'CA', ca: true },
  pck: { name: 'PCK certificate', commonName: 'SGX PCK Certificate', ca: false },
  tcbSigner: { name: 'TCB signing certificate', commonName: 'SGX TCB Signing', ca: false },
} as const satisfies Record<string, Role>

/** Checks a certificate under its issuer: role, names, window at `now`, signature. Throws {@link AttestationError}. */
export function verifyIssued(subject: Certificate, issuer: Certificate, role: Role, now: number, crypto: CryptoPort): void {
  checkRole(subject, role)
  if (!sameBytes(subject.issuer, issuer.subject)) throw new AttestationError('chain-untrusted', `the ${role.name} names another issuer`)
  if (!issuer.isCa || !issuer.keyUsage.certSign)
    throw new AttestationError('chain-untrusted', `the issuer of the ${role.name} may not issue certificates`)
  if (issuer.pathLength !== undefined && role.ca && issuer.pathLength < 1)
    throw new AttestationError('chain-untrusted', `the path is too long for the issuer of the ${role.name}`)
  checkWindow(subject, role, now)
  if (!crypto.verifyP256(issuer.publicKey, subject.tbs, subject.signature))
    throw new AttestationError('chain-untrusted', `the signature of the ${role.name} is not its issuer's`)
}

function checkRole(certificate: Certificate, role: Role): void {
  if (!certificate.commonName.includes(role.commonName))
    throw new AttestationError('chain-untrusted', `the ${role.name} has another name: its CN lacks "${role.commonName}"`)
  if (certificate.isCa !== role.ca) throw new AttestationError('chain-untrusted', `the ${role.name} ${role.ca ? 'is not a CA' : 'is a CA'}`)
  if (role.ca && !(certificate.keyUsage.certSign && certificate.keyUsage.crlSign))
    throw new AttestationError('chain-untrusted', `the ${role.name} may not sign certificates and CRLs`)
  if (!role.ca && !certificate.keyUsage.digitalSignature) throw new AttestationError('chain-untrusted', `the ${role.name} may not sign`)
}

/** Throws `certificate-expired` unless `now` is within the certificate's window. */
export function checkWindow(certificate: Certificate, role: Role, now: number): void {
  if (now < certificate.notBefore || now > certificate.notAfter)
    throw new AttestationError('certificate-expired', `the ${role.name} is outside its window`)
}

/** The trusted root, which must be the very certificate that is pinned. Throws {@link AttestationError}. */
export function verifyRoot(shown: Certificate, trusted: Uint8Array, now: number): void {
  if (!sameBytes(shown.raw, trusted)) throw new AttestationError('chain-untrusted', 'the chain ends in another root than the trusted one')
  checkRole(shown, roles.root)
  checkWindow(shown, roles.root, now)
}

/** Checks a CRL: its issuer, its signature, its window at `now`. Throws `crl-untrusted` or `crl-expired`. */
export function verifyCrl(list: Crl, issuer: Certificate, name: string, now: number, crypto: CryptoPort): void {
  if (!sameBytes(list.issuer, issuer.subject)) throw new AttestationError('crl-untrusted', `the ${name} names another issuer`)
  if (!issuer.keyUsage.crlSign || !crypto.verifyP256(issuer.publicKey, list.tbs, list.signature))
    throw new AttestationError('crl-untrusted', `the signature of the ${name} is not its issuer's`)
  if (now < list.thisUpdate || now >= list.nextUpdate) throw new AttestationError('crl-expired', `the ${name} is outside its window`)
}

/** Throws `certificate-revoked` where `list` names the certificate. */
export function checkRevocation(certificate: Certificate, list: Crl, role: Role): void {
  if (list.revoked.has(certificate.serial)) throw new AttestationError('certificate-revoked', `the ${role.name} is revoked`)
}

function guarded<T>(code: 'certificate-malformed' | 'collateral-malformed', what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof DerError) throw new AttestationError(code, `${what} cannot be read: ${cause.message}`, { cause })
    throw cause
  }
}
