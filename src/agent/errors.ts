import { CodedError } from '../lib/coded-error.ts'

/** OpenAI's error object, always whole: clients branch on its members. */
export interface ErrorAnswer {
  readonly status: number
  readonly error: { readonly message: string; readonly type: string; readonly param: string | null; readonly code: string | null }
}

/**
 * What can go wrong between the agent and its engine, or before the engine is asked.
 *
 * - `refused`: the request is not one this worker serves; `answer` tells the caller why. **Fix the request**, or **retry** on another worker where the status is 5xx.
 * - `engine-unreachable`: no connection, or it broke before an answer began. **Retry**, on another worker.
 * - `engine-timeout`: the engine was silent for too long, or the answer took too long. **Retry**.
 * - `engine-cut`: the engine closed in the middle of an answer. **Retry**; what came so far is charged.
 * - `engine-garbage`: what came is no answer in OpenAI's form, or larger than allowed. **Retry**, and look after the engine.
 * - `engine-refused`: the engine answered with an error; `status` and `body` tell which. 4xx: **fix the request**, else **retry**.
 * - `unsafe-engine`: the engine's address is not inside this machine. **Fix the configuration**.
 * - `not-ready`: there is no keyset yet, because no model is known yet. **Retry**.
 *
 * A message never holds what the engine or the caller wrote.
 */
export type AgentErrorCode =
  | 'refused'
  | 'engine-unreachable'
  | 'engine-timeout'
  | 'engine-cut'
  | 'engine-garbage'
  | 'engine-refused'
  | 'unsafe-engine'
  | 'not-ready'

export class AgentError extends CodedError<AgentErrorCode> {
  /** The engine's HTTP status, for `engine-refused`. */
  readonly status: number | undefined
  /** The engine's own words, for `engine-refused`. They may repeat the prompt: they go into the sealed answer and nowhere else. */
  declare readonly body: Buffer | undefined
  /** What the caller is told, for `refused`. */
  declare readonly answer: ErrorAnswer | undefined

  constructor(
    code: AgentErrorCode,
    message: string,
    options: ErrorOptions & { status?: number; body?: Buffer; answer?: ErrorAnswer } = {},
  ) {
    super(code, message, options)
    this.status = options.status
    // Not enumerable, so that no logger writes them by accident.
    Object.defineProperty(this, 'body', { value: options.body, enumerable: false })
    Object.defineProperty(this, 'answer', { value: options.answer, enumerable: false })
  }
}

/** A refusal before the engine runs. `code` is OpenAI's `error.code`; `param` names a member of the body. The message repeats nothing of the request. */
export function refusal(status: number, code: string | null, message: string, param: string | null = null): AgentError {
  const type = status >= 500 ? 'server_error' : status === 402 ? 'insufficient_quota' : 'invalid_request_error'
  return new AgentError('refused', message, { answer: { status, error: { message, type, param, code } } })
}
