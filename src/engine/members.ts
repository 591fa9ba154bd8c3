/** Members that several requests share, and how a body is checked: the first member at fault is named, nothing of it is repeated. */
import { z } from 'zod'
import { firstFault } from '../lib/first-fault.ts'
import { EngineError } from './errors.ts'

export const count = z.int().min(1)
/** More choices than this from one request would hold up everybody else. */
export const maxChoices = 128

/** What steers a choice, in chat and in completions. */
export const sharedMembers = {
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).max(1_000_000).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4, 'at most 4 stop strings')]).nullish(),
  n: z.int().min(1).max(maxChoices).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.unknown()).nullish(),
}

/** How tokens are chosen. */
export interface Sampling {
  readonly temperature: number
  readonly topP: number
  /** As other engines have it: the likeliest so many alone; 0 for all. */
  readonly topK: number
  /** The least probability, as a share of the likeliest token's. */
  readonly minP: number
  readonly seed: number | undefined
  readonly stops: readonly string[]
  readonly frequencyPenalty: number
  readonly presencePenalty: number
  /** Added to a token's logit, by token. */
  readonly logitBias: ReadonlyMap<number, number>
  /** How many of the likeliest tokens are told beside each token; undefined where no probabilities were asked for. */
  readonly topLogprobs: number | undefined
}

/** What is said how. */
export interface Delivery {
  readonly model: string
  readonly stream: boolean
  readonly includeUsage: boolean
  /** vLLM's extension: running usage in every chunk. */
  readonly continuousUsage: boolean
  /** Choices for each prompt. */
  readonly n: number
}

interface SharedBody {
  readonly model: string
  readonly stream?: boolean | null | undefined
  readonly stream_options?:
    | { include_usage?: boolean | null | undefined; continuous_usage_stats?: boolean | null | undefined }
    | null
    | undefined
  readonly temperature?: number | null | undefined
  readonly top_p?: number | null | undefined
  readonly top_k?: number | null | undefined
  readonly min_p?: number | null | undefined
  readonly seed?: number | null | undefined
  readonly stop?: string | string[] | null | undefined
  readonly n?: number | null | undefined
  readonly frequency_penalty?: number | null | undefined
  readonly presence_penalty?: number | null | undefined
  readonly logit_bias?: Record<string, unknown> | null | undefined
}

/** Checks `body` against `schema`. Throws {@link EngineError} `invalid-request` that names the first member at fault. */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body, firstFault)
  if (parsed.success) return parsed.data
  const { path, message } = deepest(parsed.error.issues)
  if (path.length === 0) throw new EngineError('invalid-request', 'The body must be a JSON object.')
  throw badMember(path.join('.'), message)
}

/** The refusal of one member. */
export function badMember(param: string, why: string): EngineError {
  return new EngineError('invalid-request', `'${param}': ${why}.`, { param })
}

/** Throws {@link EngineError} `invalid-request` for options of a stream that is none, as OpenAI does. */
export function readDelivery(body: SharedBody): Delivery {
  if (body.stream_options != null && !body.stream) throw badMember('stream_options', "only with 'stream': true")
  return {
    model: body.model,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    continuousUsage: body.stream_options?.continuous_usage_stats ?? false,
    n: body.n ?? 1,
  }
}

/** Throws {@link EngineError} `invalid-request` for a bias that is none. */
export function readSampling(body: SharedBody, topLogprobs: number | undefined): Sampling {
  return {
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    topK: Math.max(body.top_k ?? 0, 0),
    minP: body.min_p ?? 0,
    seed: body.seed ?? undefined,
    stops: (typeof body.stop === 'string' ? [body.stop] : (body.stop ?? [])).filter(stop => stop !== ''),
    frequencyPenalty: body.frequency_penalty ?? 0,
    presencePenalty: body.presence_penalty ?? 0,
    logitBias: readLogitBias(body.logit_bias ?? {}),
    topLogprobs,
  }
}

/** The names are the caller's own, so that they are not part of `param`. */
function readLogitBias(given: Record<string, unknown>): Map<number, number> {
  return new Map(
    Object.entries(given).map(([token, bias]) => {
      if (!/^\d{1,9}$/.test(token)) throw badMember('logit_bias', 'each name must be the number of a token')
      if (typeof bias !== 'number' || !(Math.abs(bias) <= 100)) throw badMember('logit_bias', 'each bias must be a number from -100 to 100')
      return [Number(token), bias]
    }),
  )
}

type Issue = z.core.$ZodIssue

/** Of a union's alternatives the one that fits furthest, because its complaint is about what was meant. */
function deepest(issues: readonly Issue[], before: readonly PropertyKey[] = []): { path: PropertyKey[]; message: string } {
  const [issue] = issues
  if (!issue) return { path: [...before], message: 'Invalid input' }
  const path = [...before, ...issue.path]
  if (issue.code !== 'invalid_union') return { path, message: issue.message }
  const found = issue.errors.map(alternative => deepest(alternative, path)).sort((a, b) => b.path.length - a.path.length)
  return found[0] && found[0].path.length > path.length ? found[0] : { path, message: issue.message }
}
