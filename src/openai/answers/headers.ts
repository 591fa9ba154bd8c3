/** Headers of answers, beside those of HTTP itself. Their values are text, so each schema is one of text. */
import { z } from 'zod'

const digits = z.string().regex(/^[0-9]+$/)
/** OpenAI's form of a time to wait: `120ms`, `1s`, `6m0s`. */
const span = z.string().regex(/^([0-9]+h)?([0-9]+m)?([0-9]+(\.[0-9]+)?s)?([0-9]+ms)?$/)

export interface HeaderDescription {
  readonly schema: z.ZodType<string>
  readonly description: string
  /** Where it stands: on every answer, on answers that were charged, where limits apply, on errors. */
  readonly on: 'every' | 'charged' | 'limited' | 'errors'
}

const header = (on: HeaderDescription['on'], schema: z.ZodType<string>, description: string): HeaderDescription => ({
  on,
  schema,
  description,
})

/** By name in lower case. */
export const answerHeaders: Readonly<Record<string, HeaderDescription>> = {
  'x-request-id': header('every', z.string().regex(/^req_[0-9a-f]{24}$/), 'Name it when you report a problem.'),
  'openai-processing-ms': header('every', digits, 'From the head of the request to that of the answer.'),
  'x-chrysalis-tee': header('every', z.enum(['tdx', 'simulated']), '`simulated` where evidence proves nothing about hardware.'),
  'x-chrysalis-receipt': header('charged', z.string().regex(/^[A-Za-z0-9_-]{22}$/), 'Id of the receipt: `GET /v1/receipts/{rid}`.'),
  'x-chrysalis-worker': header('charged', z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), 'The worker that answered.'),
  'x-chrysalis-evidence': header('charged', z.string().regex(/^[0-9a-f]{64}$/), 'Digest of the keyset that the request was sealed to.'),
  'x-chrysalis-idempotent-replay': header('charged', z.literal('true'), 'The answer of the first request with this Idempotency-Key.'),
  'x-ratelimit-limit-requests': header('limited', digits, 'Requests that the key may send in a minute.'),
  'x-ratelimit-limit-tokens': header('limited', digits, 'Tokens that the key may use in a minute.'),
  'x-ratelimit-remaining-requests': header('limited', digits, 'Requests left.'),
  'x-ratelimit-remaining-tokens': header(
    'limited',
    digits,
    'Tokens left when the head is sent: of a stream with its worst case taken, else with what was used.',
  ),
  'x-ratelimit-reset-requests': header('limited', span, 'When all requests are there again.'),
  'x-ratelimit-reset-tokens': header('limited', span, 'When all tokens are there again.'),
  'retry-after-ms': header('errors', digits, 'How long to wait before the next try.'),
  'retry-after': header('errors', digits, 'The same in seconds, rounded up.'),
  'x-should-retry': header('errors', z.enum(['true', 'false']), 'Whether clients try again by themselves.'),
  'payment-required': header(
    'errors',
    z.base64(),
    'With a 402 that a top-up or a higher ceiling would change: what is missing, in nanoTON, as base64 of JSON in the form of x402 version 2.',
  ),
}
