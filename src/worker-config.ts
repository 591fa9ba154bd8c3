/** The config file of `chrysalis worker`; `config/worker.yaml` is the annotated example. */
import { z } from 'zod'
import { endpoints } from './agent/index.ts'
import { amountSchema, chainSchema, listenSchema, logLevelSchema, priceSchema, teeSchema } from './config.ts'

const positive = z.int().positive()
const mebibyte = 1024 * 1024

const engineSchema = z
  .strictObject({
    /** The origin of an engine in OpenAI's HTTP form, without `/v1`. Must be this machine. */
    url: z.url({ protocol: /^https?$/ }).optional(),
    /** For an engine that is inside the same enclave and yet not on loopback. */
    dangerously_allow_remote: z.boolean().default(false),
    /** The built-in engine: a GGUF file, relative to the config file. */
    builtin: z.strictObject({ model: z.string().min(1) }).optional(),
    /** Tokens of context, for engines whose model list does not say. */
    context_length: positive.max(100_000_000).default(32_768),
    /** Paths that are served, in place of what the engine says of itself. */
    endpoints: z
      .array(z.enum([...endpoints.keys()]))
      .min(1)
      .optional(),
  })
  .refine(engine => (engine.url === undefined) !== (engine.builtin === undefined), 'needs exactly one of "url" and "builtin"')

const gpuSchema = z
  .strictObject({
    /** Runs once for each nonce, without a shell; `{nonce}` in its words becomes 64 hex digits. */
    command: z
      .array(z.string().min(1).max(4096))
      .min(1)
      .max(64)
      .refine(words => words.some(word => word.includes('{nonce}')), 'needs a word with {nonce}, or every verifier refuses its evidence')
      .optional(),
    timeout_ms: positive.max(120_000).default(20_000),
    /** The same evidence every time: for tests, and for looking at. */
    file: z.string().min(1).optional(),
    /** NVIDIA's reference manifests for this driver and firmware, relative to the config file. */
    rims: z.array(z.string().min(1)).max(8).default([]),
  })
  .refine(gpu => (gpu.command === undefined) !== (gpu.file === undefined), 'needs exactly one of "command" and "file"')

const limitsSchema = z
  .strictObject({
    body_bytes: positive.max(64 * mebibyte).default(64 * mebibyte),
    bodies_bytes: positive.max(1024 ** 4).default(512 * mebibyte),
    running: positive.default(256),
    request_ms: positive.default(60_000),
    engine_connect_ms: positive.default(5_000),
    engine_first_byte_ms: positive.default(300_000),
    engine_idle_ms: positive.default(60_000),
    engine_total_ms: positive.default(600_000),
    answer_bytes: positive.max(64 * mebibyte).default(32 * mebibyte),
    event_bytes: positive.max(16 * mebibyte).default(mebibyte),
    keep_alive_ms: positive.default(15_000),
    reader_stall_ms: positive.default(60_000),
    replay_capacity: positive.default(1_000_000),
    evidence_per_second: z.number().positive().default(20),
    models_refresh_ms: positive.default(15_000),
    drain_ms: positive.default(10_000),
  })
  .refine(limits => limits.bodies_bytes >= limits.body_bytes, { path: ['bodies_bytes'], message: 'must be at least body_bytes' })
  .prefault({})

const paymentsSchema = z
  .strictObject({
    chain: chainSchema,
    /** Where earnings go; without it, to the wallet of `wallet_key`. */
    payout: z.string().min(1).optional(),
    /** Signs what is cashed; made at the first start. A channel lives and dies with it. */
    payee_key: z.string().min(1),
    /** A wallet that pays the fees of cashing. Without it somebody else cashes: `chrysalis worker cash`. */
    wallet_key: z.string().min(1).optional(),
    /** The book of jobs and earnings. */
    book: z.string().min(1),
    minimum_deposit: amountSchema.default('500000000'),
    credit: amountSchema.default('50000000'),
    floor: amountSchema.default('50000000'),
    cash_threshold: amountSchema.default('500000000'),
    challenge_period_seconds: z
      .int()
      .min(60)
      .max(30 * 86_400)
      .default(86_400),
    poll_seconds: positive.default(60),
  })
  .refine(
    ({ payout, wallet_key }) => payout !== undefined || wallet_key !== undefined,
    'needs "payout", or "wallet_key" whose wallet is paid',
  )

export const workerSchema = z.strictObject({
  role: z.literal('worker'),
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  log_level: logLevelSchema,
  listen: listenSchema,
  engine: engineSchema,
  offer: z.strictObject({ default: priceSchema, models: z.record(z.string(), priceSchema).default({}) }),
  tee: teeSchema,
  /** Evidence of the GPUs beside the quote. */
  gpu: gpuSchema.optional(),
  /** Work for pay, and for nothing else; without it, for whoever comes. */
  payments: paymentsSchema.optional(),
  key_lifetime_hours: z.number().min(0.1).max(168).default(12),
  limits: limitsSchema,
})

export type WorkerConfig = Readonly<z.output<typeof workerSchema>>
