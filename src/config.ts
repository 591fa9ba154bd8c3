/**
 * Config files. A role reads one YAML file, once, in its composition root; the result is a frozen typed object. A member
 * that is missing, unknown or of the wrong form fails the start, and the error names the file and the member.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { CodedError, messageOf } from './lib/coded-error.ts'
import { maxNanoton } from './lib/nanoton.ts'

/** What is wrong with a config file or a flag. Always **fix the file**: the message names the file and the member. */
export class ConfigError extends CodedError<'unreadable' | 'not-yaml' | 'invalid'> {}

/** Reads `file` and parses it with `schema`. Throws {@link ConfigError}. */
export function loadConfig<Schema extends z.ZodType>(file: string, schema: Schema): Readonly<z.output<Schema>> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError('unreadable', `cannot read the config file ${file}: ${messageOf(cause)}`, { cause })
  }
  const document = parseDocument(text, { strict: true, uniqueKeys: true })
  const first = document.errors[0]
  if (first) throw new ConfigError('not-yaml', `${file} is not valid YAML: ${first.message}`)
  return parseConfig(document.toJS({ maxAliasCount: 0 }), schema, file)
}

/** Parses a config object; relative paths inside stay relative to the folder of `file` (see {@link pathIn}). */
export function parseConfig<Schema extends z.ZodType>(value: unknown, schema: Schema, file: string): Readonly<z.output<Schema>> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new ConfigError('invalid', `${file} is not a valid config:\n${describe(parsed.error)}`)
  return deepFreeze(parsed.data) as Readonly<z.output<Schema>>
}

function describe(error: z.ZodError): string {
  const line = (issue: z.core.$ZodIssue): string => `  ${issue.path.join('.') || '(top level)'}: ${issue.message}`
  return error.issues.map(line).join('\n')
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}

/** `path` as it is meant in the config file `file`: absolute, or relative to that file's folder. */
export function pathIn(file: string, path: string): string {
  return resolve(dirname(file), path)
}

const url = z.url({ protocol: /^https?$/ }).describe('an http or https URL')
/** An amount in config files: decimal digits of nanoTON, quoted so that YAML keeps them exact. */
export const amountSchema = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,18})$/, { error: 'must be a quoted string of decimal digits (nanoTON)', abort: true })
  .refine(text => BigInt(text) <= maxNanoton, 'is larger than any amount of nanoTON')
/** Per million tokens of four classes, and per million of whatever else is sold. */
export const priceSchema = z.strictObject({
  prompt: amountSchema,
  cached: amountSchema,
  completion: amountSchema,
  reasoning: amountSchema,
  images: amountSchema.optional(),
  characters: amountSchema.optional(),
  seconds: amountSchema.optional(),
})
export const listenSchema = z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65535) })
export const logLevelSchema = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info')
const positive = z.int().positive()
/** Its checksum is checked where it is used, by a library that a config alone does not load. */
const tonAddress = z.string().regex(/^(?:[A-Za-z0-9_-]{48}|(?:0|-1):[0-9a-fA-F]{64})$/, 'must be a TON address')

/** Whether `text` is an origin exactly as browsers send it, or `*`. */
function isOrigin(text: string): boolean {
  return text === '*' || (/^https?:[^*]+$/.test(text) && URL.parse(text)?.origin === text)
}

const endpoint = z.union(
  [url, z.strictObject({ url, api_key_file: z.string().min(1).optional() })],
  'must be an http or https URL, or { url, api_key_file }',
)
/** The chain: a TON's global id, and endpoints (toncenter v2 JSON-RPC) of which none is believed alone. */
export const chainSchema = z.strictObject({
  endpoints: z
    .array(endpoint)
    .min(1, 'name an endpoint')
    .max(8)
    .refine(all => new Set(all.map(each => (typeof each === 'string' ? each : each.url))).size === all.length, 'names one endpoint twice'),
  global_id: z.int(),
  /** An endpoint whose newest block is older is not believed. */
  max_lag_seconds: positive.max(3_600).default(60),
})
export type ChainConfig = z.output<typeof chainSchema>

/** Where quotes come from: a TD's kernel, the agent of a dstack guest, or in development a quoting authority in software. */
export const teeSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('software'),
    directory: z.string().min(1),
    simulated: z.literal(true, 'a software quoting authority proves nothing about hardware: needs "simulated: true"'),
  }),
  z.strictObject({ type: z.literal('configfs'), path: z.string().min(1).optional() }),
  /** The agent of a dstack guest, by its socket. */
  z.strictObject({ type: z.literal('dstack'), path: z.string().min(1).optional() }),
])
export type TeeConfig = z.output<typeof teeSchema>

/** `chrysalis proxy --config FILE`. `config/proxy.yaml` is the annotated example. */
export const proxySchema = z
  .strictObject({
    role: z.literal('proxy'),
    simulated: z.boolean().default(false),
    log_level: logLevelSchema,
    listen: listenSchema,
    tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
    data: z.string().min(1),
    limits: z
      .strictObject({
        body_bytes: positive.max(64 * 1024 * 1024).default(64 * 1024 * 1024),
        bodies_bytes: positive.max(1024 ** 4).default(512 * 1024 * 1024),
        body_ms: positive.default(300_000),
        body_silent_ms: positive.default(20_000),
        first_byte_ms: positive.default(120_000),
        /** Longer than a worker waits for its engine: an answer in one piece is silent until it is whole. */
        idle_ms: positive.default(330_000),
        drain_ms: positive.default(10_000),
        /** What one API key may take. The money bounds it anyway: these bound a client that runs wild. */
        per_key: z
          .strictObject({
            requests_per_minute: positive.max(100_000_000).default(60_000),
            tokens_per_minute: positive.max(1_000_000_000_000).default(200_000_000),
            concurrent: positive.max(1_000_000).default(1_000),
          })
          .prefault({}),
        idempotency: z
          .strictObject({
            memory_bytes: z
              .int()
              .min(0)
              .max(16 * 1024 ** 3)
              .default(64 * 1024 * 1024),
            keep_ms: positive.max(86_400_000).default(600_000),
            linger_ms: z.int().min(0).max(600_000).default(10_000),
          })
          .prefault({}),
      })
      .prefault({}),
    cors: z
      .strictObject({
        origins: z
          .array(z.string().refine(isOrigin, 'must be an origin such as https://app.example, without a path, or "*" alone'))
          .refine(origins => !origins.includes('*') || origins.length === 1, 'must be "*" alone, or origins')
          .default([]),
      })
      .prefault({}),
    attestation: z.strictObject({
      pccs: url,
      update: z.enum(['standard', 'early']).default('standard'),
      policy: z.string().min(1),
      lease_seconds: z.int().min(30).max(86_400).default(600),
      root: z.string().optional(),
      /** A JWKS of NVIDIA's attestation service, for policies that ask for its tokens. SIGHUP reads it again. */
      nras_keys: z.string().min(1).optional(),
      /** Where the policy's members that say "registry" come from; read through `payments.chain`. */
      registry: z
        .strictObject({
          address: tonAddress,
          poll_seconds: positive.max(3_600).default(30),
          max_stale_seconds: positive.max(86_400).default(600),
        })
        .refine(({ poll_seconds, max_stale_seconds }) => max_stale_seconds >= 2 * poll_seconds, {
          path: ['max_stale_seconds'],
          message: 'must be at least twice poll_seconds',
        })
        .optional(),
    }),
    workers: z.array(z.strictObject({ id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), url })).min(1),
    pricing: z.strictObject({ default: priceSchema, models: z.record(z.string(), priceSchema).default({}) }),
    payments: z.strictObject({
      chain: chainSchema,
      /**
       * For how long a channel is served that the chain was not read for, seconds; a fourth of the challenge period where nothing is said. A
       * payer could start a close meanwhile, and the proxy must see it in time to settle.
       */
      max_unread_seconds: positive.optional(),
      wallet_key: z.string().min(1),
      payee_key: z.string().min(1),
      challenge_period_seconds: z
        .int()
        .min(60)
        .max(30 * 86_400)
        .default(86_400),
      open_within_seconds: z.int().min(60).max(172_800).default(86_400),
      minimum_deposit: amountSchema.default('200000000'),
      settle_threshold: amountSchema.default('500000000'),
      settle_at_shutdown: z.boolean().default(false),
      poll_seconds: positive.default(60),
      /** The folder of claims that anybody can bring to the chain; `claims` in `data` where it is not named. */
      claims: z.string().min(1).optional(),
      /** Workers that want pay get a channel each, out of the wallet. Without it such a worker takes no request. */
      workers: z
        .strictObject({
          payer_key: z.string().min(1),
          deposit: amountSchema.default('1000000000'),
          top_up_below: amountSchema.default('500000000'),
          longest_challenge_seconds: positive.max(30 * 86_400).default(7 * 86_400),
        })
        .optional(),
    }),
    /** The proxy runs in a TD itself, and shows evidence of its keys. */
    tee: teeSchema.optional(),
    console: z.strictObject({ operator_key: z.string().min(1) }).optional(),
  })
  .superRefine((config, context) => {
    if (config.limits.bodies_bytes < config.limits.body_bytes)
      context.addIssue({ code: 'custom', path: ['limits', 'bodies_bytes'], message: 'must be at least body_bytes' })
    if (config.attestation.root !== undefined && !config.simulated)
      context.addIssue({
        code: 'custom',
        path: ['attestation', 'root'],
        message: 'a root of trust other than Intel\'s needs "simulated: true"',
      })
    if (config.tee?.type === 'software' && !config.simulated)
      context.addIssue({ code: 'custom', path: ['tee', 'type'], message: 'evidence made in software needs "simulated: true" of the proxy' })
    const { max_unread_seconds: unread, challenge_period_seconds: period } = config.payments
    if (unread !== undefined && unread > period / 2)
      context.addIssue({
        code: 'custom',
        path: ['payments', 'max_unread_seconds'],
        message: 'must be at most half of challenge_period_seconds, so that a close is seen in time to settle',
      })
    const seen = new Set<string>()
    for (const [index, worker] of config.workers.entries()) {
      if (seen.has(worker.id))
        context.addIssue({ code: 'custom', path: ['workers', index, 'id'], message: `the id ${worker.id} is used twice` })
      seen.add(worker.id)
    }
  })

export type ProxyConfig = z.output<typeof proxySchema>
