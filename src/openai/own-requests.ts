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

/** The query of `GET /v1/attestation`. One of `worker` and `model` has to stand. */
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

/** The body of `POST /v1/channels/keys`. */
export const keyRequest = z.strictObject({
  terms: z
    .strictObject({ payer: address, payee: address, challenge_period: z.int().min(0), open_until: z.int().min(0), salt })
    .describe('As they were proposed.'),
  payer_key: hex32,
  ceiling: amount.describe('What the payer authorises in all, in nanoTON.'),
  signature: z
    .string()
    .regex(/^[0-9a-f]{128}$/, 'must be 64 bytes in lowercase hex')
    .describe('Ed25519 signature of the authorization, as the channel contract checks it.'),
})
