/** Requests of the endpoints that OpenAI does not have: evidence, and the opening of an account. */
import { z } from 'zod'

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 32 bytes in lowercase hex')
const amount = z.string().regex(/^(0|[1-9][0-9]{0,18})$/, 'must be nanoTON as a string of decimal digits')
const salt = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,19})$/, { error: 'must be an unsigned 64-bit number in decimal digits', abort: true })
  .refine(text => BigInt(text) < 1n << 64n, 'must be an unsigned 64-bit number')
const address = z.string().max(128)
const nonceError = 'must be 32 bytes of your own randomness in 64 lowercase hex digits'

/** The query of `GET /v1/attestation`. With neither `worker` nor `model` the proxy itself is asked. */
export const evidenceQuery = z.looseObject({
  nonce: z
    .string({ error: nonceError })
    .regex(/^[0-9a-f]{64}$/, nonceError)
    .describe('32 bytes of your own randomness in lowercase hex: the evidence is made over them.'),
  worker: z.string().optional().describe('The id of a worker, as `x-chrysalis-worker` names it.'),
  model: z.string().optional().describe('A model: the worker is asked that would get a request for it now.'),
  skip: z
    .string()
    .regex(/^[0-9]{1,4}$/, 'must be a small whole number')
    .optional()
    .describe('How many workers of `model` to pass over, 0 by default.'),
})

/** The body of `POST /v1/channels`. */
export const channelRequest = z.strictObject({
  payer: address.describe('The TON address that will pay.'),
  payer_key: hex32.describe('Its Ed25519 public key.'),
})

const terms = z.strictObject({ payer: address, payee: address, challenge_period: z.int().min(0), open_until: z.int().min(0), salt })
const signature = z.string().regex(/^[0-9a-f]{128}$/, 'must be 64 bytes in lowercase hex')

/** What an API key may do; what is left out is not bounded. */
export const keyLimits = z.strictObject({
  spend: amount.optional().describe('What it may spend in all, in nanoTON.'),
  per_day: amount.optional().describe('What it may spend from midnight to midnight UTC, in nanoTON.'),
  models: z.array(z.string().min(1).max(256)).min(1).max(64).optional().describe('The models that it may use.'),
  expires_at: z.int().positive().max(4_102_444_800).optional().describe('Unix seconds: from then on it is refused.'),
})

/** The body of `POST /v1/channels/deploy`. */
export const deployRequest = z.strictObject({ terms: terms.describe('As they were proposed.'), payer_key: hex32 })

/** The body of `POST /v1/channels/keys`. */
export const keyRequest = z.strictObject({
  terms: terms.describe('As they were proposed.'),
  payer_key: hex32,
  ceiling: amount.describe('What the payer authorises in all, in nanoTON.'),
  signature: signature.describe('Ed25519 signature of the authorization, as the channel contract checks it.'),
  limits: keyLimits.optional().describe('What the key may do.'),
})

/** The body of `POST /v1/channels/command`. */
export const commandRequest = z.strictObject({
  channel: address.describe('The channel.'),
  action: z
    .enum(['keys', 'new-key', 'revoke-key', 'close'])
    .describe('`keys` lists them, `new-key` makes one, `revoke-key` ends one, `close` stops the channel and gives leave to close it.'),
  argument: z
    .string()
    .max(4_096)
    .regex(/^[^\n\r]*$/, 'must be one line')
    .describe('For `new-key`: the limits as JSON, or nothing. For `revoke-key`: the id of the key. Else nothing.'),
  at: z.int().positive().describe('Unix seconds, within 300 s of the proxy’s clock.'),
  signature: signature.describe(
    'Ed25519 by the payer key over "chrysalis channel command v1", action, chain, channel (raw), argument and at, a line each.',
  ),
})

/** The query of `GET /v1/account/statement`. */
export const statementQuery = z.looseObject({
  after: z
    .string()
    .regex(/^[0-9]{1,15}$/, 'must be a whole number')
    .optional()
    .describe('The number of the last entry that you have, 0 by default.'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]{0,2}|1000)$/, 'must be 1 to 1000')
    .optional()
    .describe('At most so many entries, 100 by default.'),
})
