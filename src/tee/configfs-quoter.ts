/**
 * Quotes from the kernel of a TDX guest by configfs-tsm (Linux 6.7 and later; kernel ABI page `configfs-tsm`). One report entry, a
 * directory, per quote:
 *
 *   1. make it                              5. read `outblob`, the quote
 *   2. read `provider`: `tdx_guest`         6. read `generation`: one more than in 3, or somebody else wrote in between
 *   3. read `generation`                    7. remove it, always
 *   4. write REPORTDATA to `inblob`, at once
 *
 * The kernel takes one request at a time and answers the others EBUSY, so this keeps a queue. A stock kernel polls for completion
 * once a second: a quote takes about that long.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { checkedQuote } from './checked-quote.ts'
import { type ConfigfsPort, nodeConfigfs } from './configfs-port.ts'
import { TeeError } from './errors.ts'
import { type Quoter, requireReportData } from './quoter.ts'

const attempts = 3
const backOffMs = 50

/**
 * A quoter over the report folder at `path`. Needs root, or a folder that was given to us. `quote` throws `TeeError`:
 * `bad-report-data`, `wrong-provider`, `quote-unavailable` (after three tries when the kernel was busy), `quote-mismatch`.
 */
export function configfsQuoter(
  path = '/sys/kernel/config/tsm/report',
  { port = nodeConfigfs, clock = systemClock }: { port?: ConfigfsPort; clock?: Pick<Clock, 'after'> } = {},
): Quoter {
  let last: Promise<unknown> = Promise.resolve()
  return {
    type: 'tdx',
    simulated: false,
    async quote(reportData) {
      requireReportData(reportData)
      const wanted = Buffer.from(reportData) // the caller may reuse its buffer while we wait our turn
      const turn = last.then(() => quoteWithRetry(path, port, clock, wanted))
      last = turn.catch(() => {})
      return turn
    },
  }
}

async function quoteWithRetry(path: string, port: ConfigfsPort, clock: Pick<Clock, 'after'>, reportData: Buffer): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      // Errors of a write to a binary attribute can go unreported.
      return checkedQuote(await quoteOnce(path, port, reportData), reportData, 'the kernel')
    } catch (error) {
      if (error instanceof TeeError) throw error
      if (!isTransient(error) || attempt === attempts) {
        throw new TeeError('quote-unavailable', `no quote from ${path}: ${messageOf(error)}`, { cause: error })
      }
    }
    await new Promise<void>(resolve => clock.after(backOffMs * attempt, resolve))
  }
}

/** Another writer got in between our write and our read: what we read may not be ours. */
class GenerationRace extends Error {}

async function quoteOnce(path: string, port: ConfigfsPort, reportData: Buffer): Promise<Buffer> {
  const entry = join(path, `chrysalis-${randomUUID()}`)
  await port.makeFolder(entry) // 1
  try {
    const provider = await readText(port, join(entry, 'provider')) // 2
    if (provider !== 'tdx_guest') throw new TeeError('wrong-provider', `reports come from ${JSON.stringify(provider)}, not from tdx_guest`)
    const before = await readGeneration(port, entry) // 3
    await port.writeOnce(join(entry, 'inblob'), reportData) // 4
    const quote = await port.read(join(entry, 'outblob')) // 5
    const after = await readGeneration(port, entry) // 6
    if (after !== before + 1) throw new GenerationRace(`the report entry's generation went from ${before} to ${after}`)
    return quote
  } finally {
    // 7. What stays behind costs a little kernel memory; a good quote is not worth throwing away for that.
    await port.removeFolder(entry).catch(() => {})
  }
}

async function readText(port: ConfigfsPort, file: string): Promise<string> {
  const text = (await port.read(file)).toString('latin1')
  return text.replace(/\n$/, '')
}

async function readGeneration(port: ConfigfsPort, entry: string): Promise<number> {
  const text = await readText(port, join(entry, 'generation'))
  if (!/^\d{1,15}$/.test(text)) throw new TeeError('quote-mismatch', 'the generation of a report entry is not a number')
  return Number(text)
}

function isTransient(error: unknown): boolean {
  if (error instanceof GenerationRace) return true
  return error instanceof Error && 'code' in error && ['EBUSY', 'EAGAIN', 'EWOULDBLOCK', 'EINTR'].includes(String(error.code))
}
