import { CodedError } from '../lib/coded-error.ts'

/**
 * What can be wrong with a request, whoever reads it. Always **fix the request**.
 *
 * - `unsupported-media-type`: the body is not in the media type of its endpoint.
 * - `invalid`: the body cannot be read, or a member is missing or of another form; `param` names it.
 */
export type RequestErrorCode = 'unsupported-media-type' | 'invalid'

/** The message says what to do and repeats nothing of the request. */
export class RequestError extends CodedError<RequestErrorCode> {
  /** The member at fault, by its path. */
  readonly param: string | null

  constructor(code: RequestErrorCode, message: string, param: string | null = null) {
    super(code, message)
    this.param = param
  }
}
