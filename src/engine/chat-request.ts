/** `POST /v1/chat/completions` as this engine takes it. What it does not know passes unread; what it cannot do is refused by name. */
import { z } from 'zod'
import { EngineError } from './errors.ts'

const text = z.string().max(1_000_000)
const content = z.union([text, z.array(z.looseObject({ type: z.literal('text', 'only text parts can be read by this model'), text }))])
const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: content.nullish(),
})
const count = z.int().min(1)

const schema = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1).max(1024),
  tools: z
    .array(z.looseObject({ type: z.literal('function') }))
    .max(128)
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() }).nullish(),
  max_tokens: count.nullish(),
  max_completion_tokens: count.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  n: z.literal(1, 'this engine makes one answer at a time').nullish(),
  response_format: z.looseObject({ type: z.literal('text', 'this engine has no grammars yet') }).nullish(),
  logprobs: z.literal(false, 'this engine gives no log probabilities').nullish(),
})

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly unknown[]
  readonly tools: readonly unknown[]
  readonly stream: boolean
  readonly includeUsage: boolean
  /** vLLM's extension: running usage in every chunk. */
  readonly continuousUsage: boolean
  readonly maxTokens: number | undefined
  readonly temperature: number
  readonly topP: number
  readonly seed: number | undefined
  readonly stops: readonly string[]
}

/** Checks a parsed body. Throws {@link EngineError} `invalid-request`. */
export function readChatRequest(body: unknown): ChatRequest {
  const parsed = schema.safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const param = issue?.path.join('.')
    throw new EngineError(
      'invalid-request',
      param ? `'${param}': ${issue!.message}` : 'The body must be a JSON object.',
      param ? { param } : {},
    )
  }
  const { data } = parsed
  return {
    model: data.model,
    messages: data.messages,
    tools: data.tools ?? [],
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
    continuousUsage: data.stream_options?.continuous_usage_stats ?? false,
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    temperature: data.temperature ?? 1,
    topP: data.top_p ?? 1,
    seed: data.seed ?? undefined,
    stops: (typeof data.stop === 'string' ? [data.stop] : (data.stop ?? [])).filter(stop => stop !== ''),
  }
}
