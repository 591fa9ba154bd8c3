/**
 * The caller's `POST /v1/chat/completions`, read once: what the context said must be what the body says, and what the
 * engine gets is written anew from what was read here, so that no second reading of one text (a member named twice) can
 * differ from the one that was checked and priced.
 */
import { refusal } from './errors.ts'

/** What the envelope's context promised about the body. */
export interface Promised {
  readonly model: string
  readonly stream: boolean
}

export interface ChatRequest {
  readonly body: Readonly<Record<string, unknown>>
  readonly stream: boolean
  /** Whether the caller asked for the usage chunk of a stream, and for usage in every chunk. */
  readonly asksUsage: boolean
  readonly asksContinuousUsage: boolean
  /** `n`, at least 1. */
  readonly choices: number
  /** The caller's limit of completion tokens per choice. */
  readonly maxTokens: number | undefined
}

const maxChoices = 128

/** Parses a body. Throws `AgentError` `refused` that names the member at fault and repeats nothing else. */
export function parseChatRequest(bytes: Buffer, promised: Promised): ChatRequest {
  const body = parseObject(bytes)
  if (body.model !== promised.model) throw refusal(400, null, "'model' is not the one this request was sealed for.", 'model')
  const stream = optional(body, 'stream', isBoolean, 'a boolean') ?? false
  if (stream !== promised.stream) throw refusal(400, null, "'stream' is not what this request was sealed for.", 'stream')
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    throw refusal(400, null, "'messages' must be an array that is not empty.", 'messages')
  const options = optional(body, 'stream_options', isRecord, 'an object')
  const asksUsage = options ? (optional(options, 'include_usage', isBoolean, 'a boolean') ?? false) : false
  const continuous = options ? (optional(options, 'continuous_usage_stats', isBoolean, 'a boolean') ?? false) : false
  const longer = optional(body, 'max_completion_tokens', isCount, 'a positive integer')
  const older = optional(body, 'max_tokens', isCount, 'a positive integer')
  const choices = optional(body, 'n', isCount, 'a positive integer') ?? 1
  if (choices > maxChoices) throw refusal(400, null, `'n' is larger than ${maxChoices}.`, 'n')
  return { body, stream, asksUsage, asksContinuousUsage: asksUsage && continuous, choices, maxTokens: longer ?? older }
}

/**
 * The body for the engine. A stream always asks for usage, in every chunk where the engine can; `maxTokens`, where given,
 * takes the place of the caller's limit. Throws `AgentError` `refused` for a body nested too deeply.
 */
export function engineBody(request: ChatRequest, maxTokens: number | undefined): Buffer {
  const body: Record<string, unknown> = { ...request.body }
  if (request.stream) {
    const options = isRecord(body.stream_options) ? body.stream_options : {}
    body.stream_options = { ...options, include_usage: true, continuous_usage_stats: true }
  } else {
    delete body.stream_options
  }
  if (maxTokens !== undefined) {
    if (body.max_completion_tokens != null) body.max_completion_tokens = maxTokens
    if (body.max_tokens != null || body.max_completion_tokens == null) body.max_tokens = maxTokens
  }
  return Buffer.from(stringify(body), 'utf8')
}

function stringify(body: object): string {
  try {
    return JSON.stringify(body)
  } catch {
    // The parser takes any depth, the writer does not.
    throw refusal(400, null, 'The body is nested too deeply.')
  }
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch {
    // The parser's own message may quote the body: not passed on.
    throw refusal(400, null, 'The body is not valid JSON.')
  }
  if (!isRecord(parsed)) throw refusal(400, null, 'The body must be a JSON object.')
  return parsed
}

function optional<T>(object: Record<string, unknown>, member: string, is: (value: unknown) => value is T, what: string): T | undefined {
  const value = object[member]
  if (value === undefined || value === null) return undefined
  if (!is(value)) throw refusal(400, null, `'${member}' must be ${what}.`, member)
  return value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}
