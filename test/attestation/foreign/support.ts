/** What whoever judges foreign evidence does with it, at its least: the quote, what it is over, and the log. */

import type { ForeignEvidence } from '../../../src/attestation/foreign/foreign-evidence.ts'
import {
  type AttestationError,
  loadCollateral,
  nodeCrypto,
  parseQuote,
  verifyEventLog,
  verifyQuote,
} from '../../../src/attestation/index.ts'
import type { TdReport } from '../../../src/tee/index.ts'
import { goodLog, measuredBy } from '../support/event-log.ts'
import { authority, now } from '../support/sample.ts'

export const log = goodLog(1)

/** A quote over these 64 bytes, of a guest with {@link log}, in hex. */
export function quoteOver(reportData: Uint8Array, body: Partial<TdReport> = {}): string {
  return authority.issueQuote({ body: { ...measuredBy(log), ...body, reportData } }).toString('hex')
}

/** `verified`, or the first thing that is not right. */
export function judge({ quote, reportData, eventLog }: ForeignEvidence): string {
  try {
    const parsed = parseQuote(quote)
    verifyQuote(parsed, loadCollateral(authority.collateral(now), now, authority.rootDer), now)
    if (!Buffer.from(parsed.report.reportData).equals(reportData)) return 'report-data-mismatch'
    if (eventLog !== undefined) verifyEventLog(eventLog, parsed.report, nodeCrypto)
    return 'verified'
  } catch (error) {
    return (error as AttestationError).code
  }
}
