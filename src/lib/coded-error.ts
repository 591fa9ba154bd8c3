/** The base of every room's error: callers branch on `code`, people read `message`. */
export abstract class CodedError<Code extends string> extends Error {
  readonly code: Code

  /** `message` never holds prompts, answers or keys. `options.cause` keeps what led here. */
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** What an unknown thrown value says, for logs and messages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
