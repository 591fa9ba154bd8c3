/**
 * TDX quotes, versions 4 and 5, byte by byte as Intel's quoting library lays them out.
 *
 *     header 48 || body || length u32 || signature data                              (version 4)
 *     header 48 || body type u16, size u32 || body || length u32 || signature data    (version 5)
 *     signature data = signature 64 || attestation key 64 || 6 u16, size u32 || QE report 384 || its signature 64
 *                      || size u16, authentication data || 5 u16, size u32 || PEM chain: leaf, intermediate, root
 *
 * Integers are little-endian; signatures are raw r || s, big-endian.
 */
import { type KeyObject, sign } from 'node:crypto'
import { concat, sha256 } from '../lib/bytes.ts'
import { encodeTdReport, type TdReport } from './td-report.ts'
import { pem, rawPoint } from './x509.ts'

export interface QuoteHeader {
  readonly version: number
  /** 2 = ECDSA P-256, 3 = ECDSA P-384. */
  readonly attestationKeyType: number
  /** 0x81 = TDX, 0 = SGX. */
  readonly teeType: number
  /** Bytes 8 to 11. */
  readonly reserved: Uint8Array
  /** 16 bytes. */
  readonly qeVendorId: Uint8Array
  /** 20 bytes: the id of the QE, then zeros. */
  readonly userData: Uint8Array
}

/** The quoting enclave's own SGX report. */
export interface QeReport {
  readonly cpuSvn: Uint8Array
  readonly miscSelect: number
  readonly attributes: Uint8Array
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  /** 64 bytes; the right ones are {@link qeReportData}. */
  readonly reportData: Uint8Array
}

/** Everything a quote is made of. */
export interface QuoteParts {
  readonly header: QuoteHeader
  /** Version 5 only: the descriptor before the body, and so which layout the body has. */
  readonly body: { readonly type: number; readonly bytes: Uint8Array }
  /** Its public half stands in the quote. */
  readonly attestationKey: KeyObject
  /** Signs header and body. The attestation key, unless this is to be a forgery. */
  readonly quoteSigningKey: KeyObject
  readonly qeReport: QeReport
  readonly qeAuthData: Uint8Array
  /** Signs the QE report. The PCK, unless this is to be a forgery. */
  readonly qeSigningKey: KeyObject
  /** What the innermost certification data holds. */
  readonly certificateChain: Uint8Array
}

/** Intel's QE vendor id. */
export const intelQeVendorId = Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex')

/** Body types of quote version 5, and their sizes: TD 1.0 and TD 1.5. */
export const bodyTypes = { td10: 2, td15: 3 } as const

/** The whole quote. */
export function encodeQuote(parts: QuoteParts): Buffer {
  const { header, body } = parts
  const descriptor = header.version >= 5 ? concat(u16le(body.type), u32le(body.bytes.length)) : Buffer.alloc(0)
  const covered = concat(encodeHeader(header), descriptor, body.bytes)
  const qeReport = encodeQeReport(parts.qeReport)
  const certification = concat(
    qeReport,
    signRaw(qeReport, parts.qeSigningKey),
    u16le(parts.qeAuthData.length),
    parts.qeAuthData,
    certificationData(5, parts.certificateChain),
  )
  const signatureData = concat(signRaw(covered, parts.quoteSigningKey), rawPoint(parts.attestationKey), certificationData(6, certification))
  return concat(covered, u32le(signatureData.length), signatureData)
}

/** REPORTDATA by which the QE vouches for the attestation key: SHA-256 of key and authentication data, then zeros. */
export function qeReportData(attestationKey: KeyObject, qeAuthData: Uint8Array): Buffer {
  return concat(sha256(rawPoint(attestationKey), qeAuthData), Buffer.alloc(32))
}

/** The certificates as DCAP puts them into a quote: PEM, and the final zero of a C string, which most real quotes show. */
export function quoteCertificateChain(...certificates: readonly Uint8Array[]): Buffer {
  return Buffer.from(`${pem(...certificates)}\0`, 'latin1')
}

/** A body for {@link QuoteParts}. */
export function tdBody(report: TdReport, type: 2 | 3): QuoteParts['body'] {
  return { type, bytes: encodeTdReport(report, type) }
}

/** The 48 header bytes. Throws `RangeError` for a field of the wrong size. */
export function encodeHeader(header: QuoteHeader): Buffer {
  const bytes = concat(
    u16le(header.version),
    u16le(header.attestationKeyType),
    u32le(header.teeType),
    header.reserved,
    header.qeVendorId,
    header.userData,
  )
  return sized(bytes, 48, 'the header')
}

/** The 384 bytes of an SGX report body; what is not named is reserved and zero. Throws `RangeError` for a field of the wrong size. */
export function encodeQeReport(report: QeReport): Buffer {
  const bytes = concat(
    report.cpuSvn,
    u32le(report.miscSelect),
    Buffer.alloc(28),
    report.attributes,
    report.mrEnclave,
    Buffer.alloc(32),
    report.mrSigner,
    Buffer.alloc(96),
    u16le(report.isvProdId),
    u16le(report.isvSvn),
    Buffer.alloc(60),
    report.reportData,
  )
  return sized(bytes, 384, 'the QE report')
}

function certificationData(type: number, data: Uint8Array): Buffer {
  return concat(u16le(type), u32le(data.length), data)
}

function signRaw(data: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
}

function u16le(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32le(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function sized(bytes: Buffer, size: number, what: string): Buffer {
  if (bytes.length !== size) throw new RangeError(`${what} has ${size} bytes, not ${bytes.length}`)
  return bytes
}
