/** Opening an account without a human in between: terms for a channel, then an API key for a signed authorization on it. */
import type { Handler } from 'hono'
import type { z } from 'zod'
import { channelRequest, commandRequest, deployRequest, keyRequest } from '../openai/index.ts'
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

/** The desk that opens channels, hands out keys and does what payers ask about both. All throw {@link ApiError} where they refuse. */
export interface ChannelDesk {
  propose(request: z.output<typeof channelRequest>): ChannelProposal
  /** Opens an address that has coins, once there are enough. */
  deploy(request: z.output<typeof deployRequest>): Promise<ChannelDeployment>
  /** Checks the channel on the chain and the authorization, makes both durable, and returns a new API key, shown this once. */
  createKey(request: z.output<typeof keyRequest>): Promise<NewKey>
  /** What the payer of a channel has signed. */
  command(request: z.output<typeof commandRequest>): Promise<object>
}

export interface ChannelDeployment {
  readonly channel: string
  /** `waiting` for coins, `deploying` with them on their way into the contract, or `open`. */
  readonly status: 'waiting' | 'deploying' | 'open'
  readonly balance: string
  readonly minimum_deposit: string
}

export interface NewKey {
  readonly api_key: string
  readonly key_id: string
  readonly channel: string
}

/** `POST /v1/channels`: terms for a new channel between this proxy and the payer. Nothing is stored: the payer brings the terms back. */
export function proposeChannel(desk: ChannelDesk): Handler<ApiEnv> {
  return async c => c.json(desk.propose(await parse(c.req, channelRequest)), 201)
}

/** `POST /v1/channels/deploy`: opens an address that was paid to, for payers whose wallet cannot bring the contract's code. */
export function deployChannel(desk: ChannelDesk): Handler<ApiEnv> {
  return async c => c.json(await desk.deploy(await parse(c.req, deployRequest)))
}

/** `POST /v1/channels/keys`: an API key that spends under a signed ceiling. */
export function createKey(desk: ChannelDesk): Handler<ApiEnv> {
  return async c => c.json(await desk.createKey(await parse(c.req, keyRequest)), 201)
}

/** `POST /v1/channels/command`: keys, revocation and closing, signed by the payer. 202 where a close has to be asked for again. */
export function channelCommand(desk: ChannelDesk): Handler<ApiEnv> {
  return async c => {
    const answer = await desk.command(await parse(c.req, commandRequest))
    return c.json(answer, 'running' in answer ? 202 : 'api_key' in answer ? 201 : 200)
  }
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
