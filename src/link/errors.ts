import { CodedError } from '../lib/coded-error.ts'

/**
 * Why an envelope did not reach a worker or its answer did not come back.
 *
 * - `unreachable`: no connection, or it broke before an answer began. **Retry** on another worker.
 * - `timeout`: the worker was silent for too long. **Retry** on another worker if nothing was passed on yet.
 * - `broken`: the connection ended in the middle of an answer. The answer is an error, never a success.
 * - `withdrawn`: the worker's lease ended before all of the request was sent; what was not sent stays here. **Retry** on another worker.
 * - `unpayable`: what the worker may earn is not covered; nothing was sent. **Retry** on another worker.
 * - `refused`: the worker gave an outer answer in place of an envelope; `problem` names it. An outer answer is unauthenticated: a hint.
 */
export class LinkError extends CodedError<'unreachable' | 'timeout' | 'broken' | 'withdrawn' | 'unpayable' | 'refused'> {
  readonly status: number | undefined
  /** The problem's name after `urn:chrysalis:`, where the worker gave one. */
  readonly problem: string | undefined

  constructor(code: LinkError['code'], message: string, options: ErrorOptions & { status?: number; problem?: string } = {}) {
    super(code, message, options)
    this.status = options.status
    this.problem = options.problem
  }
}
