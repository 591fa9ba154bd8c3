/** The shape of `POST /v1/chat/completions`, as far as the proxy needs it: enough to refuse nonsense before money is reserved. Unknown members pass. */
import { z } from 'zod'
import { ApiError } from './errors.ts'

const count = z.int().min(1).max(10_000_000)

const schema = z.looseObject({
  model: z.string().min(1).max(256),
  messages: z.array(z.looseObject({ role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']) })).min(1),
  stream: z.boolean().nullish(),
  max_tokens: count.nullish(),
  max_completion_tokens: count.nullish(),
  n: z.int().min(1).max(128).nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
})

/** What routing and metering need of a request. */
export interface ChatRequest {
  readonly model: string
  readonly stream: boolean
  readonly maxTokens: number | undefined
  readonly choices: number
}

/** Parses a JSON body. Throws {@link ApiError} `invalid_request` that names the member at fault and repeats nothing else. */
export function parseChatRequest(body: Buffer): ChatRequest {
  const parsed = schema.safeParse(parseJson(body))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const param = issue?.path.join('.') || undefined
    throw new ApiError(
      'invalid_request',
      param ? `'${param}': ${issue!.message}` : 'The body must be a JSON object.',
      param ? { param } : {},
    )
  }
  const { model, stream, max_tokens, max_completion_tokens, n } = parsed.data
  return { model, stream: stream ?? false, maxTokens: max_completion_tokens ?? max_tokens ?? undefined, choices: n ?? 1 }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    // The parser's own message may quote the body: not passed on.
    throw new ApiError('invalid_request', 'The body is not valid JSON.')
  }
}
