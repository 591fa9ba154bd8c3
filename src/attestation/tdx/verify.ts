/**
 * Is this a genuine TDX quote? Pure: quote, verified collateral and time in, facts out, no I/O. The rule of reference is
 * Intel's own quote verification library; what a caller wants of the measurements is for `appraise`.
 */

import { AttestationError } from '../errors.ts'
import type { Collateral } from './collateral.ts'
import { type CryptoPort, nodeCrypto } from './crypto-port.ts'
import type { Quote, TdReport } from './quote.ts'
import { readPckFacts } from './sgx-extension.ts'
import { evaluateTcb, matchQe, type TcbVerdict } from './tcb.ts'
import { type Certificate, checkRevocation, parsePemChain, roles, sameBytes, verifyIssued, verifyRoot } from './x509.ts'

const intelQeVendor = '939a7233f79c4ca9940a0db3957f0607'

/** What a verified quote says. Nothing here was judged yet. */
export interface Facts extends TcbVerdict {
  readonly evaluationNumber: number
  /** Lowercase hex. */
  readonly fmspc: string
  readonly ppid: string
  readonly report: TdReport
  /** Each check that passed, in order, for people. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[]
}

/**
 * Verifies a quote at `now` (ms).
 *
 * 1. collateral current; 2. PCK chain: trusted root, names, roles, windows, signatures, and the CA that the PCK CRL is of;
 * 3. neither CA nor PCK certificate revoked; 4. collateral is for this platform; 5. QE report signed by the PCK key;
 * 6. QE report names the attestation key; 7. QE is Intel's, by its identity; 8. quote signed by the attestation key; 9. TCB.
 *
 * Throws {@link AttestationError} at the first that fails.
 */
export function verifyQuote(quote: Quote, collateral: Collateral, now: number, crypto: CryptoPort = nodeCrypto): Facts {
  const checks: { name: string; ok: boolean }[] = []
  const passed = (name: string) => void checks.push({ name, ok: true })

  if (now < collateral.validFrom || now >= collateral.validUntil)
    throw new AttestationError('collateral-expired', 'the collateral is outside its window') // 1
  passed('collateral is signed by Intel’s chain and current')

  const pck = verifyPckChain(quote, collateral, now, crypto) // 2, 3
  passed('PCK certificate chain leads to the trusted root')
  passed('no certificate is revoked')

  const facts = readPckFacts(pck) // 4
  const { tcbInfo, qeIdentity } = collateral
  if (facts.fmspc !== tcbInfo.fmspc || facts.pceId !== tcbInfo.pceId)
    throw new AttestationError('collateral-mismatch', 'the TCB info is for another platform')
  passed('TCB info is for this platform')

  if (!crypto.verifyP256(pck.publicKey, quote.qeReport.raw, quote.qeReportSignature))
    throw new AttestationError('qe-report-untrusted', 'the QE report is not signed by the PCK key') // 5
  passed('quoting enclave report is signed by the PCK key')

  const bound = crypto.sha256(quote.attestationKey, quote.qeAuthData) // 6
  if (!sameBytes(bound, quote.qeReport.reportData.subarray(0, 32)) || quote.qeReport.reportData.subarray(32).some(byte => byte !== 0))
    throw new AttestationError('qe-report-mismatch', 'the QE report does not name the attestation key')
  passed('quoting enclave vouches for the attestation key')

  if (Buffer.from(quote.qeVendorId).toString('hex') !== intelQeVendor)
    throw new AttestationError('qe-identity-mismatch', 'the quoting enclave is of another vendor') // 7
  const qeLevel = matchQe(quote.qeReport, qeIdentity)
  passed('quoting enclave matches its identity')

  if (!crypto.verifyP256(prefixed(quote.attestationKey), quote.signedBytes, quote.signature))
    throw new AttestationError('quote-signature-invalid', 'the quote is not signed by the attestation key') // 8
  passed('quote is signed by the attestation key')

  const verdict = evaluateTcb(quote, facts, tcbInfo, qeLevel) // 9
  passed('TCB level is known')

  return {
    ...verdict,
    evaluationNumber: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
    fmspc: facts.fmspc,
    ppid: Buffer.from(facts.ppid).toString('hex'),
    report: quote.report,
    checks,
  }
}

function verifyPckChain(quote: Quote, collateral: Collateral, now: number, crypto: CryptoPort): Certificate {
  const [pck, ca, root] = parsePemChain(quote.pckChainPem, 3) as [Certificate, Certificate, Certificate]
  verifyRoot(root, collateral.root.raw, now)
  verifyIssued(ca, root, roles.pckCa, now, crypto)
  verifyIssued(pck, ca, roles.pck, now, crypto)
  // The revocation list must be of the very CA that issued this certificate, not of its sister.
  if (!sameBytes(ca.subject, collateral.pckCrl.issuer) || !sameBytes(ca.publicKey, collateral.pckCa.publicKey))
    throw new AttestationError('collateral-mismatch', 'the PCK CRL is of another CA')
  checkRevocation(ca, collateral.rootCrl, roles.pckCa)
  checkRevocation(pck, collateral.pckCrl, roles.pck)
  return pck
}

/** An uncompressed point from x || y. */
function prefixed(point: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(4), point])
}
