/**
 * Parsing a TDX quote (Intel TDX DCAP quoting library, quote versions 4 and 5). Integers are little-endian. Every size is
 * checked against what remains, and nothing may be left over but zero padding where the caller allows it.
 *
 *     v4: header 48 | TD report body 584 | length u32 | signature data
 *     v5: header 48 | body type u16 | body size u32 | body | length u32 | signature data
 *     signature data: signature 64 | attestation key 64 | type u16 = 6 | size u32 |
 *                     QE report 384 | QE report signature 64 | auth size u16 | auth data | type u16 = 5 | size u32 | PEM chain
 */
import { AttestationError } from '../errors.ts'

const maxQuote = 16 * 1024
const maxAuthData = 1024
const teeTdx = 0x81
const ecdsaP256 = 2
const bodySizes: Readonly<Record<number, number>> = { 2: 584, 3: 648 }

/** The TD report body, field by field, as views of the quote. */
export interface TdReport {
  readonly teeTcbSvn: Uint8Array
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly seamAttributes: Uint8Array
  readonly tdAttributes: Uint8Array
  readonly xfam: Uint8Array
  readonly mrTd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly rtmr: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  readonly reportData: Uint8Array
  /** TD 1.5 bodies (type 3) only. */
  readonly teeTcbSvn2: Uint8Array | undefined
  readonly mrServiceTd: Uint8Array | undefined
}

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
  /** 2 = TD 1.0, 3 = TD 1.5. */
  readonly bodyType: 2 | 3
  readonly qeVendorId: Uint8Array
  readonly report: TdReport
  /** Header and body, with the body's descriptor in v5: what the attestation key signed. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  /** The point without its leading 4: x || y. */
  readonly attestationKey: Uint8Array
  readonly qeReport: QeReport
  readonly qeReportSignature: Uint8Array
  readonly qeAuthData: Uint8Array
  /** Leaf, intermediate, root. */
  readonly pckChainPem: string
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

/** Parses a quote. Throws {@link AttestationError} `quote-malformed` or `quote-unsupported`. */
export function parseQuote(bytes: Uint8Array): Quote {
  if (bytes.length > maxQuote) throw malformed(`${bytes.length} bytes`)
  const cursor = new Cursor(bytes)
  const version = cursor.u16('the header')
  if (version !== 4 && version !== 5) throw unsupported(`version ${version}`)
  const keyType = cursor.u16('the header')
  if (keyType !== ecdsaP256) throw unsupported(`attestation key type ${keyType}`)
  const tee = cursor.u32('the header')
  if (tee !== teeTdx) throw unsupported(`TEE type ${tee}`)
  if (cursor.take(4, 'the header').some(byte => byte !== 0)) throw malformed('reserved header bytes are not zero')
  const qeVendorId = cursor.take(16, 'the header')
  cursor.take(20, 'the header')
  const bodyType = version === 4 ? 2 : cursor.u16('the body type')
  const size = bodySizes[bodyType]
  if (size === undefined) throw unsupported(`body type ${bodyType}`)
  if (version === 5 && cursor.u32('the body size') !== size) throw malformed('the body size does not fit its type')
  const body = cursor.take(size, 'the TD report')
  const signedBytes = bytes.subarray(0, cursor.at)
  const signatureSize = cursor.u32('the signature size')
  if (signatureSize !== cursor.left) throw malformed('the signature data do not end where the quote does')
  return { version, bodyType: bodyType as 2 | 3, qeVendorId, report: tdReport(body), signedBytes, ...signatureData(cursor) }
}

function tdReport(body: Uint8Array): TdReport {
  const field = (start: number, size: number) => body.subarray(start, start + size)
  return {
    teeTcbSvn: field(0, 16),
    mrSeam: field(16, 48),
    mrSignerSeam: field(64, 48),
    seamAttributes: field(112, 8),
    tdAttributes: field(120, 8),
    xfam: field(128, 8),
    mrTd: field(136, 48),
    mrConfigId: field(184, 48),
    mrOwner: field(232, 48),
    mrOwnerConfig: field(280, 48),
    rtmr: [field(328, 48), field(376, 48), field(424, 48), field(472, 48)],
    reportData: field(520, 64),
    teeTcbSvn2: body.length > 584 ? field(584, 16) : undefined,
    mrServiceTd: body.length > 584 ? field(600, 48) : undefined,
  }
}

function signatureData(
  cursor: Cursor,
): Pick<Quote, 'signature' | 'attestationKey' | 'qeReport' | 'qeReportSignature' | 'qeAuthData' | 'pckChainPem'> {
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
  const pckChainPem = Buffer.from(cursor.take(cursor.left, 'the PCK chain')).toString('latin1')
  return { signature, attestationKey, qeReport: qe(qeReport), qeReportSignature, qeAuthData, pckChainPem }
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

function malformed(why: string): AttestationError {
  return new AttestationError('quote-malformed', `not a well-formed quote: ${why}`)
}

function unsupported(why: string): AttestationError {
  return new AttestationError('quote-unsupported', `not a TDX quote that can be verified: ${why}`)
}
