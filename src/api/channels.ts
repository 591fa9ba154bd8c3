/** Opening an account without a human in between: terms for a channel, then an API key for a signed authorization on it. */
import type { Handler } from 'hono'
import { z } from 'zod'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** What a payer is offered: everything needed to derive the channel's address itself. */
export interface ChannelProposal {
  readonly terms: { payer: string; payee: string; challenge_period: number; open_until: number; salt: string }
  readonly payer_key: string
  readonly payee_key: string
  readonly address: string
  readonly chain: number
  readonly minimum_deposit: string
}

export interface KeyRequest {
  readonly terms: ChannelProposal['terms']
  readonly payer_key: string
  readonly ceiling: string
  readonly signature: string
}

/** The desk that opens channels and hands out keys. Both throw {@link ApiError} where they refuse. */
export interface ChannelDesk {
  propose(request: { payer: string; payer_key: string }): ChannelProposal
  /** Checks the channel on the chain and the authorization, makes both durable, and returns a new API key, shown this once. */
  createKey(request: KeyRequest): Promise<{ api_key: string; channel: string }>
}

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 32 bytes in lowercase hex')
const amount = z.string().regex(/^(0|[1-9][0-9]{0,18})$/, 'must be nanoTON as a string of decimal digits')
const salt = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,19})$/, { error: 'must be an unsigned 64-bit number in decimal digits', abort: true })
  .refine(text => BigInt(text) < 1n << 64n, 'must be an unsigned 64-bit number')
const proposalSchema = z.strictObject({ payer: z.string().max(128), payer_key: hex32 })
const keySchema = z.strictObject({
  terms: z.strictObject({
    payer: z.string().max(128),
    payee: z.string().max(128),
    challenge_period: z.int().min(0),
    open_until: z.int().min(0),
    salt,
  }),
  payer_key: hex32,
  ceiling: amount,
  signature: z.string().regex(/^[0-9a-f]{128}$/, 'must be 64 bytes in lowercase hex'),
})

/** `POST /v1/channels`: terms for a new channel between this proxy and the payer. Nothing is stored: the payer brings the terms back. */
export function proposeChannel(desk: ChannelDesk): Handler<ApiEnv> {
  return async c => c.json(desk.propose(await parse(c.req, proposalSchema)), 201)
}

/** `POST /v1/channels/keys`: an API key that spends under a signed ceiling. */
export function createKey(desk: ChannelDesk): Handler<ApiEnv> {
  return async c => c.json(await desk.createKey(await parse(c.req, keySchema)), 201)
}

async function parse<Schema extends z.ZodType>(request: { text(): Promise<string> }, schema: Schema): Promise<z.output<Schema>> {
  let value: unknown
  try {
    value = JSON.parse(await request.text())
  } catch {
    throw new ApiError('invalid_request', 'The body is not valid JSON.')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const param = issue?.path.join('.') || undefined
  throw new ApiError('invalid_request', param ? `'${param}': ${issue!.message}` : (issue?.message ?? 'not valid'), param ? { param } : {})
}
