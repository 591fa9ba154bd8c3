/** What comes back from a source of quotes is looked at before it is given out: it may answer another request. */
import { equalBytes } from '../lib/bytes.ts'
import { TeeError } from './errors.ts'
import { reportDataOffset } from './td-report.ts'

/** The quote without zero padding behind it, if it is a TDX quote over `reportData`. Throws `quote-mismatch`, with `source` as its maker. */
export function checkedQuote(quote: Buffer, reportData: Buffer, source: string): Buffer {
  const mismatch = (what: string) => new TeeError('quote-mismatch', `the quote of ${source} ${what}`)
  if (quote.length < 60 || quote.readUInt32LE(4) !== 0x81) throw mismatch('is no TDX quote')
  const version = quote.readUInt16LE(0)
  if (version !== 4 && version !== 5) throw mismatch(`has version ${version}`)
  const bodyOffset = version === 4 ? 48 : 54
  const bodySize = version === 4 ? 584 : quote.readUInt32LE(50)
  const lengthOffset = bodyOffset + bodySize
  if (bodySize < 584 || quote.length < lengthOffset + 4) throw mismatch('is cut short')
  const end = lengthOffset + 4 + quote.readUInt32LE(lengthOffset)
  if (quote.length < end || quote.subarray(end).some(byte => byte !== 0)) throw mismatch('has another length than it says')
  const start = bodyOffset + reportDataOffset
  if (!equalBytes(quote.subarray(start, start + 64), reportData)) throw mismatch('is over other report data than asked for')
  return quote.subarray(0, end)
}
