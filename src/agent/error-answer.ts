/**
 * What a caller is told, inside the sealed answer, about anything that went wrong. An engine's own error is passed on where
 * the caller can do something about it (its words may repeat the prompt, and only the caller reads them here), made whole
 * and bounded; everything else becomes `engine_failed`, without a word of the engine.
 */
import { AgentError, type ErrorAnswer } from './errors.ts'

/** Statuses of an engine that are about the caller's request. 401, 403 and 404 are about how the worker is set up. */
const callers = new Set([400, 413, 415, 422, 429])
const maxMessage = 2_000
const maxName = 100

/** The status and OpenAI error object for `error`; an unknown thrown value tells nothing. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (!(error instanceof AgentError)) return failure('internal_error', 'The worker failed to serve this request.', 500)
  if (error.answer) return error.answer
  if (error.code === 'engine-refused' && error.status !== undefined && callers.has(error.status))
    return engineAnswer(error.status, error.body)
  switch (error.code) {
    case 'engine-timeout':
      return failure('engine_failed', 'The engine did not answer in time.')
    case 'engine-cut':
      return failure('engine_failed', 'The engine stopped before its answer was whole.')
    case 'engine-unreachable':
      return failure('engine_failed', 'The engine cannot be reached.')
    default:
      return failure('engine_failed', 'The engine failed.')
  }
}

function failure(code: string, message: string, status = 502): ErrorAnswer {
  return { status, error: { message, type: 'server_error', param: null, code } }
}

function engineAnswer(status: number, body: Buffer | undefined): ErrorAnswer {
  const said = engineError(body)
  const isBusy = status === 429
  return {
    status,
    error: {
      message: text(said.message, maxMessage) ?? (isBusy ? 'The engine is busy.' : 'The engine refused the request.'),
      type: isBusy ? 'rate_limit_error' : 'invalid_request_error',
      param: text(said.param, maxName),
      // Engines put the status here, or their own exception's name; only a name in OpenAI's manner is worth branching on.
      code: isBusy ? 'rate_limit_exceeded' : name(said.code),
    },
  }
}

/** The forms seen in the field: `{error: {…}}`, `{error: "…"}`, `{object: "error", message, …}`, `{detail: "…"}`. */
function engineError(body: Buffer | undefined): { message?: unknown; param?: unknown; code?: unknown } {
  let parsed: unknown
  try {
    parsed = JSON.parse(body?.toString('utf8') ?? '')
  } catch {
    return {}
  }
  if (!isRecord(parsed)) return {}
  if (isRecord(parsed.error)) return parsed.error
  if (typeof parsed.error === 'string') return { message: parsed.error }
  if (typeof parsed.message === 'string') return parsed
  return { message: parsed.detail }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown, most: number): string | null {
  if (typeof value !== 'string' || value === '') return null
  return value
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, most)
    .toWellFormed()
}

function name(value: unknown): string | null {
  return typeof value === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(value) ? value : null
}
