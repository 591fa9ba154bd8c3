/** Reading the members of a JSON body, and writing it anew for the engine. */
import { refusal } from '../errors.ts'
import type { EngineBody, Promised } from './endpoint.ts'

export type Body = Readonly<Record<string, unknown>>

/** A JSON object whose `model` and `stream` are those of the context. Throws `AgentError` `refused`. */
export function parseBody(bytes: Buffer, promised: Promised): Body {
  const body = parseObject(bytes)
  checkPromised(body.model, optional(body, 'stream', isBoolean, 'a boolean') ?? false, promised)
  return body
}

export function checkPromised(model: unknown, stream: boolean, promised: Promised): void {
  if (model !== promised.model) throw refusal(400, null, "'model' is not the one this request was sealed for.", 'model')
  if (stream !== promised.stream) throw refusal(400, null, "'stream' is not what this request was sealed for.", 'stream')
}

/** A member, or undefined where it is absent or null. Throws `AgentError` `refused` for another kind. */
export function optional<T>(object: Body, member: string, is: (value: unknown) => value is T, what: string): T | undefined {
  const value = object[member]
  if (value === undefined || value === null) return undefined
  if (!is(value)) throw refusal(400, null, `'${member}' must be ${what}.`, member)
  return value
}

/** The same for a member that has to be there. */
export function required<T>(object: Body, member: string, is: (value: unknown) => value is T, what: string): T {
  const value = optional(object, member, is, what)
  if (value === undefined) throw refusal(400, null, `'${member}' is missing; it must be ${what}.`, member)
  return value
}

/** The JSON of a body. A caller's `cache_salt` is never passed on: it would choose whose prompts share a cache. Throws `AgentError` `refused` for a body nested too deeply. */
export function jsonBody(body: Body, salt?: string): EngineBody {
  const { cache_salt: _, ...rest } = body
  try {
    return {
      contentType: 'application/json',
      bytes: Buffer.from(JSON.stringify(salt === undefined ? rest : { ...rest, cache_salt: salt }), 'utf8'),
    }
  } catch {
    // The parser takes any depth, the writer does not.
    throw refusal(400, null, 'The body is nested too deeply.')
  }
}

/** What `stream_options` asks for. */
export function usageOptions(body: Body): { asksUsage: boolean; asksContinuousUsage: boolean } {
  const options = optional(body, 'stream_options', isRecord, 'an object')
  const asksUsage = options ? (optional(options, 'include_usage', isBoolean, 'a boolean') ?? false) : false
  const continuous = options ? (optional(options, 'continuous_usage_stats', isBoolean, 'a boolean') ?? false) : false
  return { asksUsage, asksContinuousUsage: asksUsage && continuous }
}

/** `stream_options` for the engine: a stream always asks for usage, in every chunk where the engine can. */
export function streamOptions(body: Body): Body {
  const options = isRecord(body.stream_options) ? body.stream_options : {}
  return { ...options, include_usage: true, continuous_usage_stats: true }
}

/** Whether some content part anywhere in `value` is an image, a recording or a file: more tokens than bytes. */
export function hasMediaParts(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || depth > 6) return false
  if (Array.isArray(value)) return value.some(item => hasMediaParts(item, depth + 1))
  const { type, content } = value as Body
  if (typeof type === 'string' && /image|audio|video|file/.test(type)) return true
  return hasMediaParts(content, depth + 1)
}

function parseObject(bytes: Buffer): Body {
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

export function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

export function isString(value: unknown): value is string {
  return typeof value === 'string'
}

/** An integer from 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}
