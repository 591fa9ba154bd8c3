/**
 * Is this a genuine TDX quote? Pure: quote, verified collateral and time in, facts out, no I/O. The rule of reference is
 * Intel's own quote verification library; what a caller wants of the measurements is for `appraise`.
 */

import { AttestationError, type Check } from '../errors.ts'
import { concat, isZero, sameBytes, toHex } from './bytes.ts'
import { Checklist } from './checklist.ts'
import type { Collateral } from './collateral.ts'
import type { CryptoPort } from './crypto-port.ts'
import { type HeldPckChains, verifyPckChain } from './pck-chain.ts'
import type { Quote } from './quote.ts'
import type { PckFacts } from './sgx-extension.ts'
import { evaluateTcb, matchQe, type TcbVerdict } from './tcb.ts'
import { type BodyType, bodyTypes, type TdReport } from './td-report.ts'

const intelQeVendor = '939a7233f79c4ca9940a0db3957f0607'

/** What a verified quote says. Nothing here was judged yet. */
export interface Facts extends TcbVerdict {
  /** Of TCB info and QE identity the lower: both must reach the floor of a policy. */
  readonly evaluationNumber: number
  /** Lowercase hex. */
  readonly fmspc: string
  readonly ppid: string
  readonly pck: PckFacts
  readonly version: 4 | 5
  readonly bodyType: BodyType
  readonly report: TdReport
  /** Each check that passed, in order, for people: of the collateral first, then of the quote. */
  readonly checks: readonly Check[]
}

export interface VerifyQuoteOptions {
  readonly crypto: CryptoPort
  /** PCK chains verified before; without it the chain is verified each time. */
  readonly held?: HeldPckChains
  /**
   * TD 1.5 extended bodies tell of a TD that began on another machine, whose own state nothing here vouches for. They are refused,
   * unless a caller says that it judges `report.extended` itself.
   */
  readonly allowExtendedTd?: boolean
}

/**
 * Verifies a quote at `now` (ms).
 *
 * 1. a body that is judged; 2. collateral current; 3. PCK chain: trusted root, names, roles, windows, signatures, the CA that
 * the PCK CRL is of, nothing revoked; 4. collateral is for this platform; 5. QE report signed by the PCK key; 6. QE report names
 * the attestation key; 7. QE is Intel's, by its identity; 8. quote signed by the attestation key; 9. TCB.
 *
 * Throws {@link AttestationError} at the first that fails, with what had passed.
 */
export function verifyQuote(quote: Quote, collateral: Collateral, now: number, options: VerifyQuoteOptions): Facts {
  const { crypto, held, allowExtendedTd = false } = options
  const { qeReport } = quote
  const { tcbInfo, qeIdentity } = collateral
  const list = new Checklist(collateral.checks)

  list.check('quote is of a kind that is judged', () => {
    if (quote.bodyType === bodyTypes.td15Extended && !allowExtendedTd)
      throw new AttestationError('quote-unsupported', 'a TD 1.5 extended body (type 4) can be read, but is not accepted') // 1
  })
  list.check('collateral is current', () => {
    if (now < collateral.validFrom || now >= collateral.validUntil)
      throw new AttestationError('collateral-expired', 'the collateral is outside its window') // 2
  })
  const { publicKey, facts } = list.check(
    'PCK certificate chain leads to the trusted root, and nothing of it is revoked',
    () => held?.verify(quote.pckChain, collateral, now, crypto) ?? verifyPckChain(quote.pckChain, collateral, now, crypto), // 3
  )
  list.check('TCB info is for this platform', () => {
    if (facts.fmspc !== tcbInfo.fmspc || facts.pceId !== tcbInfo.pceId)
      throw new AttestationError('collateral-mismatch', 'the TCB info is for another platform') // 4
  })
  list.check('quoting enclave report is signed by the PCK key', () => {
    if (!crypto.verifyP256(publicKey, qeReport.raw, quote.qeReportSignature))
      throw new AttestationError('qe-report-untrusted', 'the QE report is not signed by the PCK key') // 5
  })
  list.check('quoting enclave vouches for the attestation key', () => {
    const bound = crypto.sha256(quote.attestationKey, quote.qeAuthData) // 6
    if (!sameBytes(bound, qeReport.reportData.subarray(0, 32)) || !isZero(qeReport.reportData.subarray(32)))
      throw new AttestationError('qe-report-mismatch', 'the QE report does not name the attestation key')
  })
  const qeLevel = list.check('quoting enclave matches its identity', () => {
    if (toHex(quote.qeVendorId) !== intelQeVendor)
      throw new AttestationError('qe-identity-mismatch', 'the quoting enclave is of another vendor') // 7
    return matchQe(qeReport, qeIdentity)
  })
  list.check('quote is signed by the attestation key', () => {
    if (!crypto.verifyP256(uncompressed(quote.attestationKey), quote.signedBytes, quote.signature))
      throw new AttestationError('quote-signature-invalid', 'the quote is not signed by the attestation key') // 8
  })
  const verdict = list.check('TCB level is known', () => evaluateTcb(quote, facts, tcbInfo, qeLevel)) // 9

  return {
    ...verdict,
    evaluationNumber: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
    fmspc: facts.fmspc,
    ppid: toHex(facts.ppid),
    pck: facts,
    version: quote.version,
    bodyType: quote.bodyType,
    report: quote.report,
    checks: list.passed,
  }
}

/** An uncompressed point from x || y. */
function uncompressed(point: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(4), point)
}
