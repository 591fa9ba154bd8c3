/** What can go wrong in the tee room. */
import { CodedError } from '../lib/coded-error.ts'

/**
 * - `authority-missing`: the folder holds no software quoting authority. Create one, or fix the path.
 * - `authority-unreadable`: the authority's file is not what `save` writes. Restore it, or start over with a new one.
 * - `authority-exposed`: the authority's file can be read by group or others. Fix its mode; anyone who read it can forge evidence.
 * - `bad-report-data`: REPORTDATA of another size than 64 bytes. Fix the request.
 * - `quote-unavailable`: the kernel gave no quote in as many tries as we make, or the dstack agent gave none. Retry later; if it stays: this is no such guest, or we lack the rights.
 * - `wrong-provider`: the kernel's report interface is there, but not TDX behind it. Fix the deployment.
 * - `quote-mismatch`: the quote is malformed, or carries other report data than was asked for. Stop: security event; it was not given out.
 * - `gpu-evidence-unavailable`: the tool that collects GPU evidence did not start, did not end in time, or failed. Retry; if it stays: run it by hand.
 * - `gpu-evidence-malformed`: what the tool wrote is not a list of evidence. Fix the tool, or the command that is configured.
 */
export type TeeErrorCode =
  | 'authority-missing'
  | 'authority-unreadable'
  | 'authority-exposed'
  | 'bad-report-data'
  | 'quote-unavailable'
  | 'wrong-provider'
  | 'quote-mismatch'
  | 'gpu-evidence-unavailable'
  | 'gpu-evidence-malformed'

/** The error of this room; see {@link TeeErrorCode} for what to do about each code. */
export class TeeError extends CodedError<TeeErrorCode> {}
