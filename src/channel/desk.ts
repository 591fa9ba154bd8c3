/** The proxy's account desk, asked over HTTP. What it answers is read strictly, and never believed where the chain or a signature can say it. */
import { z } from 'zod'
import { messageOf } from '../lib/coded-error.ts'
import { type Nanoton, parseNanoton } from '../lib/nanoton.ts'
import { wireTerms } from './account-file.ts'
import { ChannelCommandError } from './errors.ts'

const amount = z.string().regex(/^(0|[1-9][0-9]{0,18})$/)
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`))

const proposal = z.object({
  terms: wireTerms,
  payer_key: hex(32),
  payee_key: hex(32),
  address: z.string().max(100),
  chain: z.int(),
  minimum_deposit: amount,
})
export type Proposal = z.output<typeof proposal>

const deployment = z.object({ status: z.enum(['waiting', 'deploying', 'open']), balance: amount, minimum_deposit: amount })
export type Deployment = z.output<typeof deployment>

/** What a key may do; what is left out is not bounded. Amounts in nanoTON, time in Unix seconds. */
export interface KeyLimits {
  readonly spend?: string | undefined
  readonly per_day?: string | undefined
  readonly models?: readonly string[] | undefined
  readonly expires_at?: number | undefined
}

const limits = z.object({
  spend: amount.optional(),
  per_day: amount.optional(),
  models: z.array(z.string()).optional(),
  expires_at: z.int().optional(),
})
const newKey = z.object({ api_key: z.string().min(20).max(200), key_id: z.string().max(100) })
export type NewKey = z.output<typeof newKey>

const keyList = z.object({
  /** The highest ceiling that was signed. */
  authorised: amount,
  keys: z.array(z.object({ key_id: z.string().max(100), created_at: z.int(), revoked_at: z.int().nullable(), limits, spent: amount })),
})
export type KeyList = z.output<typeof keyList>['keys']

const revoked = z.object({ key_id: z.string(), revoked_at: z.int() })
const release = z.union([z.object({ min_settled: amount, signature: hex(64) }), z.object({ running: z.int().min(1) })])
/** Leave to close, or how many requests still run. */
export type ReleaseAnswer = z.output<typeof release>

const account = z.object({
  channel: z.string(),
  deposited: amount,
  authorised: amount,
  settled: amount,
  spent: amount,
  reserved: amount,
  available: amount,
})
export type Account = z.output<typeof account>

const entry = z.object({
  seq: z.int().min(1),
  rid: z.string().max(64),
  receipt_hash: hex(32),
  cost: amount,
  spent: amount,
  prev: hex(32),
  hash: hex(32),
  receipt: z.base64(),
  /** H of the keyset whose worker signed. */
  evidence: hex(32),
})
const statementPage = z.object({ channel: z.string(), entries: z.array(entry), root: hex(32), spent: amount })
export type StatementPage = z.output<typeof statementPage>

const evidence = z.object({ digest: hex(32), keyset: z.base64(), quote: z.base64() })
export type EvidenceRecord = z.output<typeof evidence>

/** A command of the payer, signed. */
export interface SignedCommand {
  readonly channel: string
  readonly action: string
  readonly argument: string
  readonly at: number
  readonly signature: string
}

/** A refusal, with its HTTP status. */
export class DeskRefusal extends ChannelCommandError {
  readonly status: number

  constructor(status: number, message: string) {
    super('proxy', message)
    this.status = status
  }
}

/** No answer of the desk is larger. */
const maxAnswer = 16 * 1024 * 1024
const timeoutMs = 60_000

/** The desk of the proxy at `origin`. Every call throws {@link ChannelCommandError} `proxy` where it cannot be reached, refuses, or answers otherwise. */
export class DeskClient {
  readonly #origin: string
  readonly #fetch: typeof fetch

  /** `origin`: with or without the `/v1` of a base URL. */
  constructor(origin: string, fetcher: typeof fetch) {
    this.#origin = origin.replace(/\/+$/, '').replace(/\/v1$/, '')
    this.#fetch = fetcher
  }

  propose(payer: string, payerKey: string): Promise<Proposal> {
    return this.#post('/v1/channels', { payer, payer_key: payerKey }, proposal)
  }

  /** Asks the proxy to open what has been paid for. */
  deploy(terms: Proposal['terms'], payerKey: string): Promise<Deployment> {
    return this.#post('/v1/channels/deploy', { terms, payer_key: payerKey }, deployment)
  }

  createKey(request: {
    terms: Proposal['terms']
    payer_key: string
    ceiling: string
    signature: string
    limits?: KeyLimits
  }): Promise<NewKey> {
    return this.#post('/v1/channels/keys', request, newKey)
  }

  async keys(command: SignedCommand): Promise<KeyList> {
    return (await this.#command(command, keyList)).keys
  }

  /** The highest ceiling that the proxy holds a signature for; undefined where it has never seen this channel. */
  async authorised(command: SignedCommand): Promise<Nanoton | undefined> {
    try {
      return parseNanoton((await this.#command(command, keyList)).authorised)
    } catch (error) {
      if (error instanceof DeskRefusal && error.status === 404) return undefined
      throw error
    }
  }

  newKey(command: SignedCommand): Promise<NewKey> {
    return this.#command(command, newKey)
  }

  revokeKey(command: SignedCommand): Promise<{ key_id: string; revoked_at: number }> {
    return this.#command(command, revoked)
  }

  close(command: SignedCommand): Promise<ReleaseAnswer> {
    return this.#command(command, release)
  }

  account(apiKey: string): Promise<Account> {
    return this.#get('/v1/account', apiKey, account)
  }

  statement(apiKey: string, after: number): Promise<StatementPage> {
    return this.#get(`/v1/account/statement?after=${after}`, apiKey, statementPage)
  }

  evidence(apiKey: string, digest: string): Promise<EvidenceRecord> {
    return this.#get(`/v1/account/evidence/${digest}`, apiKey, evidence)
  }

  #command<Schema extends z.ZodType>(command: SignedCommand, schema: Schema): Promise<z.output<Schema>> {
    return this.#post('/v1/channels/command', command, schema)
  }

  #post<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    return this.#ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }, schema)
  }

  #get<Schema extends z.ZodType>(path: string, apiKey: string, schema: Schema): Promise<z.output<Schema>> {
    return this.#ask(path, { headers: { authorization: `Bearer ${apiKey}` } }, schema)
  }

  async #ask<Schema extends z.ZodType>(path: string, init: RequestInit, schema: Schema): Promise<z.output<Schema>> {
    const fail = (why: string, cause?: unknown) => new ChannelCommandError('proxy', `${this.#origin}${path}: ${why}`, { cause })
    let response: Response
    let text: string
    try {
      // A redirect would carry keys and commands to somebody else.
      response = await this.#fetch(`${this.#origin}${path}`, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
      text = await readText(response)
    } catch (cause) {
      throw fail(`cannot be asked (${reasonOf(cause)})`, cause)
    }
    const value = jsonOf(text)
    if (!response.ok) throw new DeskRefusal(response.status, `${this.#origin}${path}: refused with ${response.status}${saidIn(value)}`)
    const parsed = schema.safeParse(value)
    if (!parsed.success) throw fail(`answered what no proxy of this version does: '${parsed.error.issues[0]?.path.join('.') ?? ''}'`)
    return parsed.data
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxAnswer) throw new RangeError('an answer without end')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What the body of a refusal says, in OpenAI's form. */
function saidIn(value: unknown): string {
  const said = z.object({ error: z.object({ message: z.string() }) }).safeParse(value)
  return said.success ? `: ${said.data.error.message.slice(0, 500)}` : ''
}

/** `fetch` hides the reason in its cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error)
}
