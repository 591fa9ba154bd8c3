import { CodedError } from '../lib/coded-error.ts'

/**
 * Why evidence was not believed. Every code closes; none is a warning.
 *
 * - `quote-malformed`, `quote-unsupported`: not a TDX quote this verifier knows. **Fix the worker.**
 * - `certificate-malformed`, `collateral-malformed`: bytes that are not what they should be. **Retry** with other collateral; from a worker: **stop**.
 * - `chain-untrusted`: a certificate does not lead to the trusted root. **Stop: security event.**
 * - `certificate-expired`: outside its window. **Fix the clock, or the worker's platform.**
 * - `certificate-revoked`: revoked by its issuer. **Stop: security event.**
 * - `crl-untrusted`, `crl-expired`: a revocation list that proves nothing. **Retry** with fresh collateral.
 * - `collateral-untrusted`, `collateral-expired`, `collateral-mismatch`: TCB info or QE identity that is not Intel's, not current, or for another platform. **Retry** with fresh collateral.
 * - `collateral-unavailable`: the collateral service did not answer and nothing valid is kept. **Retry.**
 * - `qe-report-untrusted`, `qe-report-mismatch`, `qe-identity-mismatch`: the quoting enclave is not vouched for. **Stop: security event.**
 * - `quote-signature-invalid`: the quote was changed. **Stop: security event.**
 * - `module-mismatch`: the TDX module is not the one that TCB info describes. **Stop: security event.**
 * - `tcb-not-supported`: no TCB level matches. **Update the platform.**
 * - `evidence-malformed`: the worker's document is not in its form. **Fix the worker.**
 * - `evidence-unavailable`: the worker did not give evidence. **Retry.**
 * - `report-data-mismatch`: the quote is not over our nonce and these keys: a replay, or keys of somebody else. **Stop: security event.**
 * - `keyset-expired`, `worker-mismatch`: keys past their time, or another worker's. **Retry; then fix the worker.**
 * - `gpu-evidence-malformed`: GPU evidence that is not in its form. **Fix the worker.**
 * - `gpu-untrusted`: a device's certificates do not lead to NVIDIA's root, or its report is not signed by it. **Stop: security event.**
 * - `gpu-certificate-expired`, `gpu-revoked`: a device's certificate, outside its window or revoked. **Fix the clock; else stop.**
 * - `gpu-nonce-mismatch`: a report that is not over our nonce: a replay. **Stop: security event.**
 * - `gpu-measurement-mismatch`: a device that does not run what NVIDIA's reference values say. **Stop: security event.**
 * - `rim-untrusted`: reference values that are not NVIDIA's, or not current. **Fix the worker, or fetch the file again.**
 * - `nras-untrusted`: a token that is not NVIDIA's, not current, or not over our nonce. **Retry; then stop.**
 * - `nras-refused`: NVIDIA's service says that a device is not in order. **Stop: security event.**
 * - `policy-malformed`: the policy file is not valid. **Fix the file.**
 * - `policy-refused`: genuine, but not what the policy accepts; the reasons are listed. **Fix the worker or the policy.**
 */
export type AttestationErrorCode =
  | 'quote-malformed'
  | 'quote-unsupported'
  | 'certificate-malformed'
  | 'chain-untrusted'
  | 'certificate-expired'
  | 'certificate-revoked'
  | 'crl-untrusted'
  | 'crl-expired'
  | 'collateral-malformed'
  | 'collateral-untrusted'
  | 'collateral-expired'
  | 'collateral-mismatch'
  | 'collateral-unavailable'
  | 'qe-report-untrusted'
  | 'qe-report-mismatch'
  | 'qe-identity-mismatch'
  | 'quote-signature-invalid'
  | 'module-mismatch'
  | 'tcb-not-supported'
  | 'evidence-malformed'
  | 'evidence-unavailable'
  | 'report-data-mismatch'
  | 'keyset-expired'
  | 'worker-mismatch'
  | 'gpu-evidence-malformed'
  | 'gpu-untrusted'
  | 'gpu-certificate-expired'
  | 'gpu-revoked'
  | 'gpu-nonce-mismatch'
  | 'gpu-measurement-mismatch'
  | 'rim-untrusted'
  | 'nras-untrusted'
  | 'nras-refused'
  | 'policy-malformed'
  | 'policy-refused'

export class AttestationError extends CodedError<AttestationErrorCode> {
  /** For `policy-refused`: every reason, not only the first. */
  readonly reasons: readonly string[]

  constructor(code: AttestationErrorCode, message: string, options: ErrorOptions & { reasons?: readonly string[] } = {}) {
    super(code, message, options)
    this.reasons = options.reasons ?? []
  }
}
