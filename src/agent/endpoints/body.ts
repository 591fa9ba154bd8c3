/** Writing a JSON body anew for the engine. */
import type { Body, ReadRequest } from '../../openai/index.ts'
import { refusal } from '../errors.ts'
import type { EngineBody, Rewrite } from './endpoint.ts'

/** The JSON object of a request. Forms have none. */
export function bodyOf(request: ReadRequest): Body {
  if (!request.body) throw refusal(415, 'unsupported_media_type', 'The body must be JSON.')
  return request.body
}

/** The JSON of a body. A caller's `cache_salt` is never passed on. Throws `AgentError` `refused` for a body nested too deeply. */
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

/** A body that generates: with our limit in `members`, and our salt. */
export function limitedBody(body: Body, members: readonly string[], { maxTokens, salt }: Rewrite): EngineBody {
  if (maxTokens === undefined) return jsonBody(body, salt)
  return jsonBody({ ...body, ...Object.fromEntries(members.map(member => [member, maxTokens])) }, salt)
}

/** A stream always asks for usage, in every chunk where the engine can; anything else may not say `stream_options`. */
export function streaming(body: Body, stream: boolean): Body {
  const { stream_options: options, ...rest } = body
  if (!stream) return rest
  return { ...rest, stream_options: { ...(isRecord(options) ? options : {}), include_usage: true, continuous_usage_stats: true } }
}

export function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
