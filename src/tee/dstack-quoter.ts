/**
 * Quotes from the agent of a dstack guest, over its Unix socket: HTTP with JSON, one call.
 *
 *     POST /GetQuote {"report_data": 128 hex digits} -> {"quote": hex, "event_log": JSON in a text, "report_data", "vm_config"}
 *
 * The agent keeps the event log, and answers with the one that the quote's registers stand for. It takes its turn at the kernel
 * by itself, so nothing is queued here.
 */
import { request } from 'node:http'
import { z } from 'zod'
import { fromHex, toHex } from '../lib/bytes.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { checkedQuote } from './checked-quote.ts'
import { TeeError } from './errors.ts'
import { type Quoter, requireReportData } from './quoter.ts'

const maxAnswer = 2 * 1024 * 1024
const answerSchema = z.object({ quote: z.string().regex(/^[0-9a-f]+$/), event_log: z.string() })

/**
 * A quoter over the guest agent's socket. `quote` and `quoteWithLog` throw `TeeError`: `bad-report-data`, `quote-unavailable` (no
 * answer within `timeoutMs`, or one that is not in its form), `quote-mismatch`.
 */
export function dstackQuoter(
  socket = '/var/run/dstack.sock',
  { clock = systemClock, timeoutMs = 30_000 }: { clock?: Pick<Clock, 'after'>; timeoutMs?: number } = {},
): Quoter & Required<Pick<Quoter, 'quoteWithLog'>> {
  const quoteWithLog = async (reportData: Uint8Array) => {
    requireReportData(reportData)
    const wanted = Buffer.from(reportData) // the caller may reuse its buffer while we wait
    const { quote, event_log } = readAnswer(await post(socket, { report_data: toHex(wanted) }, clock, timeoutMs))
    return { quote: checkedQuote(fromHex(quote), wanted, 'the dstack agent'), eventLog: event_log }
  }
  return { type: 'tdx', simulated: false, quoteWithLog, quote: async reportData => (await quoteWithLog(reportData)).quote }
}

function readAnswer(text: string): z.output<typeof answerSchema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw unavailable('answers what is not JSON')
  }
  const parsed = answerSchema.safeParse(value)
  if (!parsed.success || parsed.data.quote.length % 2 !== 0) throw unavailable('answers without quote and event log')
  return parsed.data
}

function post(socketPath: string, body: object, clock: Pick<Clock, 'after'>, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), host: 'dstack' }
    const call = request({ socketPath, path: '/GetQuote', method: 'POST', headers, agent: false })
    const timer = clock.after(timeoutMs, () => stop(unavailable(`did not answer in ${timeoutMs} ms`)))
    const stop = (error: TeeError) => {
      timer.cancel()
      reject(error)
      call.destroy()
    }
    call.on('error', cause => stop(unavailable(`cannot be asked: ${messageOf(cause)}`, cause)))
    call.on('response', response => {
      if (response.statusCode !== 200) return stop(unavailable(`answers with status ${response.statusCode}`))
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
        if (size > maxAnswer) stop(unavailable('answers beyond any size'))
        else parts.push(part)
      })
      response.on('error', cause => stop(unavailable(`broke off: ${messageOf(cause)}`, cause)))
      response.on('end', () => {
        timer.cancel()
        resolve(Buffer.concat(parts).toString('utf8'))
      })
    })
    call.end(text)
  })
}

function unavailable(what: string, cause?: unknown): TeeError {
  return new TeeError('quote-unavailable', `the dstack agent ${what}`, { cause })
}
