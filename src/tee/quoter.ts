/** Where a worker gets its quotes from: what every source of them offers, and the one in software. */
import { TeeError } from './errors.ts'
import { developmentMeasurements, type TdMeasurements, type TdReport } from './td-report.ts'

export interface Quoter {
  readonly type: 'tdx'
  /** Whether the quotes chain to another root than Intel's, and so prove nothing about hardware. */
  readonly simulated: boolean
  /** A quote over exactly these 64 bytes. Throws `TeeError`. */
  quote(reportData: Uint8Array): Promise<Buffer>
  /**
   * Where the guest keeps an event log: a quote, and the text of the log that replays to it. Both come from one answer, since the
   * guest may measure more at any moment. Throws `TeeError`.
   */
  quoteWithLog?(reportData: Uint8Array): Promise<{ readonly quote: Buffer; readonly eventLog: string }>
}

/** What the quoter in software needs of its authority. */
export interface QuoteIssuer {
  issueQuote(request: { body: Partial<TdReport> }): Buffer
}

/** Quotes by a software quoting authority, for a TD with these measurements. Throws `bad-report-data`. */
export function softwareQuoter(authority: QuoteIssuer, measurements: Partial<TdMeasurements> = developmentMeasurements): Quoter {
  return {
    type: 'tdx',
    simulated: true,
    async quote(reportData) {
      requireReportData(reportData)
      return authority.issueQuote({ body: { ...measurements, reportData } })
    },
  }
}

/** Throws `bad-report-data` unless there are 64 bytes. */
export function requireReportData(reportData: Uint8Array): void {
  if (reportData.length !== 64) throw new TeeError('bad-report-data', `REPORTDATA has 64 bytes, not ${reportData.length}`)
}
