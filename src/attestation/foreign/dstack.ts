/**
 * What the agent of a dstack guest answers to `GetQuote`, passed on as it stands: `{quote, event_log, report_data?, vm_config?}`.
 * REPORTDATA is the caller's bytes with zeros behind them. Whoever asks for it over a nonce learns what runs, and no key: nothing may be sent
 * to such a guest before a key of it is bound in another way.
 */
import { z } from 'zod'
import { concat } from '../../lib/bytes.ts'
import type { ForeignEvidence } from './foreign-evidence.ts'
import { bytesOfHex, malformed, quoteHex, shaped } from './shape.ts'

const schema = z.object({
  quote: quoteHex,
  event_log: z.unknown().optional(),
  report_data: z
    .string()
    .regex(/^(?:[0-9a-f]{2}){0,64}$/, 'must be up to 64 bytes in lowercase hex')
    .nullish(),
})

/**
 * The evidence in an answer over `nonce` (32 bytes of ours), or over the bytes that it names where we gave none. `document` is parsed
 * JSON. Throws `evidence-malformed`.
 */
export function readDstackQuote(document: unknown, nonce: Uint8Array | undefined): ForeignEvidence {
  const { quote, event_log, report_data } = shaped(schema, document, 'the answer')
  if (!nonce && !report_data) throw malformed('the answer does not say what its quote is over, and there is no nonce')
  const over = nonce ?? bytesOfHex(report_data!)
  return {
    format: 'dstack',
    part: 'guest',
    quote: bytesOfHex(quote),
    reportData: concat(over, Buffer.alloc(64 - over.length)),
    fresh: nonce !== undefined,
    keys: [],
    notAfter: undefined,
    eventLog: event_log ?? undefined,
    gpu: null,
  }
}
