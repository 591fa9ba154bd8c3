/**
 * Parsing a TDX quote (Intel TDX DCAP quoting library, quote versions 4 and 5). Integers are little-endian. Every size is
 * checked against what remains, and nothing may be left over but zero padding where the caller allows it.
 *
 *     v4: header 48 | TD report | length u32 | signature data
 *     v5: header 48 | body type u16 | body size u32 | TD report | length u32 | signature data
 *     signature data: signature 64 | attestation key 64 | type u16 = 6 | size u32 |
 *                     QE report 384 | QE report signature 64 | auth size u16 | auth data | type u16 = 5 | size u32 | PEM chain
 */
import { AttestationError } from '../errors.ts'
import { isZero } from './bytes.ts'
import { type BodyType, bodySizes, bodyTypes, readTdReport, type TdReport } from './td-report.ts'

const maxQuote = 16 * 1024
const maxAuthData = 1024
const teeTdx = 0x81
const ecdsaP256 = 2

/** The quoting enclave's own report. */
export interface QeReport {
  readonly raw: Uint8Array
  readonly miscSelect: Uint8Array
  readonly attributes: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  readonly reportData: Uint8Array
}

export interface Quote {
  readonly version: 4 | 5
  readonly bodyType: BodyType
  readonly qeVendorId: Uint8Array
  /** 20 bytes of the header: the id of the QE, then zeros. Nobody says what they should be. */
  readonly userData: Uint8Array
  readonly report: TdReport
  /** Header and body, with the body's descriptor in v5: what the attestation key signed. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  /** The point without its leading 4: x || y. */
  readonly attestationKey: Uint8Array
  readonly qeReport: QeReport
  readonly qeReportSignature: Uint8Array
  readonly qeAuthData: Uint8Array
  /** PEM text: leaf, intermediate, root. */
  readonly pckChain: Uint8Array
}

/** Reads forward through bytes that somebody else chose. */
class Cursor {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  take(size: number, what: string): Uint8Array {
    if (size > this.left) throw malformed(`${what} is cut off`)
    this.at += size
    return this.#bytes.subarray(this.at - size, this.at)
  }

  u16(what: string): number {
    const [low, high] = this.take(2, what)
    return low! | (high! << 8)
  }

  u32(what: string): number {
    return this.u16(what) + this.u16(what) * 0x10000
  }
}

export interface ParseQuoteOptions {
  /** Some tools hand a quote out in a buffer that is too large for it. Zeros after it are passed over only where that is known. */
  readonly allowZeroPadding?: boolean
}

/** Parses a quote. Throws {@link AttestationError} `quote-malformed` or `quote-unsupported`. */
export function parseQuote(bytes: Uint8Array, { allowZeroPadding = false }: ParseQuoteOptions = {}): Quote {
  if (bytes.length > maxQuote) throw malformed(`${bytes.length} bytes`)
  const cursor = new Cursor(bytes)
  const version = cursor.u16('the header')
  if (version !== 4 && version !== 5) throw unsupported(`version ${version}`)
  const keyType = cursor.u16('the header')
  if (keyType !== ecdsaP256) throw unsupported(`attestation key type ${keyType}`)
  const tee = cursor.u32('the header')
  if (tee !== teeTdx) throw unsupported(`TEE type ${tee}`)
  if (!isZero(cursor.take(4, 'the header'))) throw malformed('reserved header bytes are not zero')
  const qeVendorId = cursor.take(16, 'the header')
  const userData = cursor.take(20, 'the header')
  const bodyType = version === 4 ? bodyTypes.td10 : readBodyType(cursor)
  const body = cursor.take(bodySizes[bodyType], 'the TD report')
  const signedBytes = bytes.subarray(0, cursor.at)
  const size = cursor.u32('the signature size')
  const signature = new Cursor(cursor.take(size, 'the signature data'))
  if (cursor.left > 0 && !(allowZeroPadding && isZero(cursor.take(cursor.left, 'the padding'))))
    throw malformed('something follows the signature data')
  return { version, bodyType, qeVendorId, userData, report: readTdReport(body, bodyType), signedBytes, ...signatureData(signature) }
}

function readBodyType(cursor: Cursor): BodyType {
  const type = cursor.u16('the body type')
  const known = Object.values(bodyTypes).find(candidate => candidate === type)
  if (known === undefined) throw unsupported(`body type ${type}`)
  if (cursor.u32('the body size') !== bodySizes[known]) throw malformed('the body size does not fit its type')
  return known
}

function signatureData(
  cursor: Cursor,
): Pick<Quote, 'signature' | 'attestationKey' | 'qeReport' | 'qeReportSignature' | 'qeAuthData' | 'pckChain'> {
  const signature = cursor.take(64, 'the signature')
  const attestationKey = cursor.take(64, 'the attestation key')
  const outerType = cursor.u16('the certification data')
  if (outerType !== 6) throw unsupported(`certification data of type ${outerType}`)
  if (cursor.u32('the certification data') !== cursor.left) throw malformed('the certification data do not end where the quote does')
  const qeReport = cursor.take(384, 'the QE report')
  const qeReportSignature = cursor.take(64, 'the QE report signature')
  const authSize = cursor.u16('the QE authentication data')
  if (authSize > maxAuthData) throw malformed(`${authSize} bytes of QE authentication data`)
  const qeAuthData = cursor.take(authSize, 'the QE authentication data')
  const innerType = cursor.u16('the PCK chain')
  if (innerType !== 5) throw unsupported(`a PCK identification of type ${innerType}`)
  if (cursor.u32('the PCK chain') !== cursor.left) throw malformed('the PCK chain does not end where the quote does')
  const pckChain = cursor.take(cursor.left, 'the PCK chain')
  return { signature, attestationKey, qeReport: qe(qeReport), qeReportSignature, qeAuthData, pckChain }
}

function qe(raw: Uint8Array): QeReport {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length)
  return {
    raw,
    miscSelect: raw.subarray(16, 20),
    attributes: raw.subarray(48, 64),
    mrSigner: raw.subarray(128, 160),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    reportData: raw.subarray(320, 384),
  }
}

const failed = { checks: [{ name: 'quote is well formed', ok: false }] }

function malformed(why: string): AttestationError {
  return new AttestationError('quote-malformed', `not a well-formed quote: ${why}`, failed)
}

function unsupported(why: string): AttestationError {
  return new AttestationError('quote-unsupported', `not a TDX quote that can be verified: ${why}`, failed)
}
