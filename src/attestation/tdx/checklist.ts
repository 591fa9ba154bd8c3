/** A verification told step by step: what passed, and where it ended. */
import { AttestationError, type Check } from '../errors.ts'

export class Checklist {
  readonly #done: Check[]

  /** `before`: what was checked already, on which this verification stands. */
  constructor(before: readonly Check[] = []) {
    this.#done = [...before]
  }

  /** All that passed so far, in order. */
  get passed(): readonly Check[] {
    return [...this.#done]
  }

  /** Does `work` under a name. An {@link AttestationError} out of it goes on with the checks up to this one, which failed. */
  check<Result>(name: string, work: () => Result): Result {
    try {
      const result = work()
      this.#done.push({ name, ok: true })
      return result
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error
      const { code, message, cause, reasons } = error
      throw new AttestationError(code, message, { cause, reasons, checks: [...this.#done, { name, ok: false }] })
    }
  }
}
