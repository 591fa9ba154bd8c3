/**
 * Why evidence was not believed: a closed set. Every code closes; none is a warning. Callers branch on the code, people read the
 * message, and {@link adviceFor} says what to do.
 */
import { CodedError } from '../lib/coded-error.ts'

/** **Retry**: ask again, it may pass. **Fix**: it will not pass before somebody mends something. **Stop**: take it for an attack: a security event. */
export type Advice = 'retry' | 'fix' | 'stop'

const advice = {
  /** Bytes that are not a whole quote of a known form. **Fix** the worker. */
  'quote-malformed': 'fix',
  /** A quote of a version, key, TEE or body that this verifier does not judge. **Fix** the worker. */
  'quote-unsupported': 'fix',
  /** A certificate that is not DER of Intel's profile. From the collateral service: **retry** elsewhere; inside a quote: **stop**. */
  'certificate-malformed': 'stop',
  /** A certificate that does not lead to the trusted root, or is used for what it is not for. **Stop.** */
  'chain-untrusted': 'stop',
  /** A certificate outside its window. **Fix** the clock, or the worker's platform. */
  'certificate-expired': 'fix',
  /** A certificate that its issuer revoked. **Stop.** */
  'certificate-revoked': 'stop',
  /** A revocation list that is not its CA's. **Retry** with fresh collateral, from another service if it stays. */
  'crl-untrusted': 'retry',
  /** A revocation list outside its window. **Retry** with fresh collateral. */
  'crl-expired': 'retry',
  /** Collateral that is not in its form. **Retry** with fresh collateral. */
  'collateral-malformed': 'retry',
  /** TCB info or QE identity that the TCB signer did not sign. **Retry** with fresh collateral, from another service if it stays. */
  'collateral-untrusted': 'retry',
  /** TCB info, QE identity, or all of the collateral, outside its window. **Retry** with fresh collateral. */
  'collateral-expired': 'retry',
  /** Good collateral, but for another platform or CA than the quote's. **Retry** with the right collateral. */
  'collateral-mismatch': 'retry',
  /** Good collateral, but older than what this service gave before. **Retry**, elsewhere if it stays. */
  'collateral-older': 'retry',
  /** The collateral service did not answer, and nothing valid is kept. **Retry.** */
  'collateral-unavailable': 'retry',
  /** The quoting enclave's report is not signed by the platform's key. **Stop.** */
  'qe-report-untrusted': 'stop',
  /** The quoting enclave does not vouch for the attestation key. **Stop.** */
  'qe-report-mismatch': 'stop',
  /** The quoting enclave is not Intel's. **Stop.** */
  'qe-identity-mismatch': 'stop',
  /** The quote is not signed by its attestation key: it was changed. **Stop.** */
  'quote-signature-invalid': 'stop',
  /** The TDX module is not the one that TCB info describes. **Stop.** */
  'module-mismatch': 'stop',
  /** No TCB level matches: older than everything Intel still names. **Fix**: update the platform. */
  'tcb-not-supported': 'fix',
  /** The worker's document is not in its form. **Fix** the worker. */
  'evidence-malformed': 'fix',
  /** The worker gave no evidence. **Retry.** */
  'evidence-unavailable': 'retry',
  /** The quote is not over our nonce and these keys: a replay, or somebody else's keys. **Stop.** */
  'report-data-mismatch': 'stop',
  /** The connection does not end at the TLS key that the quote vouches for: somebody is in between, and reads what passes. **Stop.** */
  'connection-mismatch': 'stop',
  /** The worker's keys are past their time. **Retry**, then fix the worker. */
  'keyset-expired': 'retry',
  /** The keys of another worker than the one that was asked. **Retry**, then fix the worker. */
  'worker-mismatch': 'retry',
  /** An event log that is not in its form, or too large. **Fix** the worker. */
  'event-log-malformed': 'fix',
  /** An event of RTMR3 whose digest is not that of what it says, or cannot be computed: the log was changed. **Stop.** */
  'event-log-digest': 'stop',
  /** A boot's events out of their order, one of them twice, or no end of the boot: no genuine guest wrote this. **Stop.** */
  'event-log-order': 'stop',
  /** An event log that does not replay to the quote's registers: it is that of another machine, or was changed. **Stop.** */
  'event-log-mismatch': 'stop',
  /** GPU evidence that is not in its form. **Fix** the worker. */
  'gpu-evidence-malformed': 'fix',
  /** A device's certificates do not lead to NVIDIA's root, or its report is not signed by it. **Stop.** */
  'gpu-untrusted': 'stop',
  /** A device's certificate outside its window. **Fix** the clock, or the device. */
  'gpu-certificate-expired': 'fix',
  /** A device's certificate that is revoked or on hold. **Stop.** */
  'gpu-revoked': 'stop',
  /** A device's report that is not over our nonce: a replay. **Stop.** */
  'gpu-nonce-mismatch': 'stop',
  /** A device that does not run what NVIDIA's reference values say. **Stop.** */
  'gpu-measurement-mismatch': 'stop',
  /** Reference values that are not NVIDIA's, or not current. **Fix** the worker, or fetch the file again. */
  'rim-untrusted': 'fix',
  /** A token that is not NVIDIA's, not current, or not over our nonce. **Retry**, then stop. */
  'nras-untrusted': 'retry',
  /** NVIDIA's service says that a device is not in order. **Stop.** */
  'nras-refused': 'stop',
  /** The policy file is not valid. **Fix** the file. */
  'policy-malformed': 'fix',
  /** Genuine, but not what the policy accepts; the reasons are listed. **Fix** the worker or the policy. */
  'policy-refused': 'fix',
} as const satisfies Record<string, Advice>

export type AttestationErrorCode = keyof typeof advice

/** Every code there is. */
export const attestationErrorCodes: readonly AttestationErrorCode[] = Object.keys(advice) as AttestationErrorCode[]

/** What to do about a code. */
export function adviceFor(code: AttestationErrorCode): Advice {
  return advice[code]
}

/** One thing that was checked, named for people. */
export interface Check {
  readonly name: string
  readonly ok: boolean
}

export interface AttestationErrorOptions extends ErrorOptions {
  readonly reasons?: readonly string[]
  readonly checks?: readonly Check[]
}

export class AttestationError extends CodedError<AttestationErrorCode> {
  /** For `policy-refused`: every reason, not only the first. */
  readonly reasons: readonly string[]
  /** What had been checked, in order; the last is the one that failed. Empty where the failure was before any check. */
  readonly checks: readonly Check[]

  constructor(code: AttestationErrorCode, message: string, { reasons = [], checks = [], ...options }: AttestationErrorOptions = {}) {
    super(code, message, options)
    this.reasons = reasons
    this.checks = checks
  }
}
