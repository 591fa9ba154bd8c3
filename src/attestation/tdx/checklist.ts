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
      throw this.#failed(name, error)
    }
  }

  /** The same for work that takes turns. */
  async checkLater<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work()
      this.#done.push({ name, ok: true })
      return result
    } catch (error) {
      throw this.#failed(name, error)
    }
  }

  #failed(name: string, error: unknown): unknown {
    if (!(error instanceof AttestationError)) return error
    const { code, message, cause, reasons } = error
    return new AttestationError(code, message, { cause, reasons, checks: [...this.#done, { name, ok: false }] })
  }
}
