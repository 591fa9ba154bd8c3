/**
 * Many cases at once: JSON lines in, JSON lines out, one for one and in order, whatever is wrong with a line. A line is read, judged
 * and written before the next one is read, so a batch of any length needs the memory of one case and of what is held for the next.
 */
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { AttestationError } from '../attestation/index.ts'
import { ConfigError } from '../config.ts'
import { readQuoteFile } from './files.ts'
import { parseTime } from './flags.ts'
import { HeldInputs } from './held-inputs.ts'
import { judgeQuote } from './judge.ts'
import { linesOf } from './lines.ts'
import { exitCodeOf, exitCodes, failedVerdict, type Verdict } from './verdict.ts'

const maxLine = 64 * 1024

const path = z.string().refine(isAbsolute, 'must be an absolute path')
const schema = z.strictObject({
  quote: path,
  collateral: path,
  /** RFC 3339. */
  at: z.string().optional(),
  root: path.optional(),
  policy: path.optional(),
})

/** What is wrong with a line itself: no verdict on any quote. */
interface BadLine {
  readonly verified: false
  readonly code: 'line-malformed' | 'file-unreadable'
  readonly message: string
}

/**
 * Judges each line of `input` and hands its answer, a line too, to `write`. Returns the exit code of the worst one: 4 before 3
 * before 0. `now` (ms) is the time of lines that name none.
 */
export async function runBatch(
  input: AsyncIterable<Uint8Array>,
  write: (text: string) => Promise<void>,
  now: () => number,
): Promise<number> {
  const held = new HeldInputs()
  let worst: number = exitCodes.accepted
  let number = 0
  for await (const line of linesOf(input, maxLine)) {
    number += 1
    const verdict = await judgeLine(line, number, held, now)
    worst = Math.max(worst, exitCodeOf(verdict))
    await write(`${JSON.stringify(verdict)}\n`)
  }
  return worst
}

async function judgeLine(line: Buffer | undefined, number: number, held: HeldInputs, now: () => number): Promise<Verdict | BadLine> {
  try {
    const item = parseLine(line)
    const at = item.at === undefined ? now() : parseTime(item.at, 'at')
    const policy = await held.policy(item.policy)
    await held.root(item.root)
    const quote = () => readQuoteFile(item.quote)
    return (await judgeQuote({ quote, collateral: () => held.collateral(item.collateral, item.root, at), at, policy })).verdict
  } catch (error) {
    if (error instanceof AttestationError) return failedVerdict(error)
    if (!(error instanceof ConfigError)) throw error
    const code = error.code === 'unreadable' ? 'file-unreadable' : 'line-malformed'
    return { verified: false, code, message: `line ${number}: ${error.message}` }
  }
}

function parseLine(line: Buffer | undefined): z.output<typeof schema> {
  if (line === undefined) throw new ConfigError('invalid', `more than ${maxLine} bytes`)
  const parsed = schema.safeParse(parseJson(line))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new ConfigError('invalid', `${issue!.path.join('.') || 'the line'}: ${issue!.message}`)
}

function parseJson(line: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line))
  } catch (cause) {
    throw new ConfigError(
      'invalid',
      'not JSON; each line is an object {"quote", "collateral", "at"}, with "root" and "policy" where wanted',
      {
        cause,
      },
    )
  }
}
