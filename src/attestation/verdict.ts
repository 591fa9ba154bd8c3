/**
 * What came of a worker's evidence, told to the worker (envelope spec, "Verdict"), so that its owner reads on his own machine why
 * nothing comes. It is a hint: whoever reaches a worker can send one.
 */
import { z } from 'zod'
import { fromHex, toHex } from '../lib/bytes.ts'
import { type Advice, AttestationError, type AttestationErrorCode, adviceFor, attestationErrorCodes } from './errors.ts'

/** What came of the evidence over `nonce` (32 bytes). */
export type Verdict =
  | {
      readonly nonce: Buffer
      readonly accepted: true
      /** Milliseconds since the epoch. */
      readonly until: number
    }
  | { readonly nonce: Buffer; readonly accepted: false; readonly code: AttestationErrorCode; readonly reasons: readonly string[] }

const mostReasons = 32
const longestReason = 300
/** Larger ones are not read. */
export const mostVerdictBytes = 16 * 1024

const nonce = z.string().regex(/^[0-9a-f]{64}$/)
const schema = z.discriminatedUnion('accepted', [
  z.object({ version: z.literal(1), nonce, accepted: z.literal(true), until: z.int().positive() }),
  z.object({
    version: z.literal(1),
    nonce,
    accepted: z.literal(false),
    code: z.enum(attestationErrorCodes as [AttestationErrorCode, ...AttestationErrorCode[]]),
    reasons: z.array(z.string().max(longestReason)).max(mostReasons),
  }),
])

/** A verdict as it is sent: JSON, at most 32 reasons of at most 300 characters. */
export function encodeVerdict(verdict: Verdict): string {
  const head = { version: 1, nonce: toHex(verdict.nonce), accepted: verdict.accepted }
  if (verdict.accepted) return JSON.stringify({ ...head, until: verdict.until })
  const reasons = verdict.reasons.slice(0, mostReasons).map(reason => reason.slice(0, longestReason))
  return JSON.stringify({ ...head, code: verdict.code, reasons })
}

/** Reads a verdict. Characters that would not show in a log are replaced. Throws `evidence-malformed`. */
export function parseVerdict(bytes: Uint8Array): Verdict {
  if (bytes.length > mostVerdictBytes) throw new AttestationError('evidence-malformed', `a verdict of ${bytes.length} bytes`)
  const parsed = schema.safeParse(jsonOf(bytes))
  if (!parsed.success)
    throw new AttestationError('evidence-malformed', `the verdict is not in its form: ${parsed.error.issues[0]!.message}`)
  const { data } = parsed
  const given = fromHex(data.nonce, 32)
  if (data.accepted) return { nonce: given, accepted: true, until: data.until }
  return { nonce: given, accepted: false, code: data.code, reasons: data.reasons.map(printable) }
}

/** What the worker's owner can do about a verdict that is not accepted. */
export function workerAdvice(code: AttestationErrorCode): string {
  return advice[adviceFor(code)]
}

const advice: Readonly<Record<Advice, string>> = {
  retry: 'this may pass by itself: the proxy asks again',
  fix: 'it stays so until this worker, or the policy of the proxy, is mended',
  stop: 'to the proxy this looks like an attack: check what stands between this machine and the proxy',
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new AttestationError('evidence-malformed', 'the verdict is not JSON', { cause })
  }
}

function printable(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '\u{fffd}')
}
