/**
 * How many bytes are handled in one turn of the event loop, by all who read large bodies. A socket that has much is read two
 * MiB at a time before anything else gets its turn, and so is the next one: handling that much is milliseconds for each.
 */
const defaultBytes = 512 * 1024
/** The least that one reader takes once it goes on, which bounds how many go on in one turn. */
const readSize = 64 * 1024

export class TurnShare {
  readonly #bytes: number
  readonly #waiting: (() => void)[] = []
  #left: number
  #isArmed = false

  constructor(bytes = defaultBytes) {
    this.#bytes = bytes
    this.#left = bytes
  }

  /**
   * Tells that `bytes` were handled. False where this turn has had its share: whoever hears that stops taking more, and
   * `resume` is called in a later turn, first come, first served.
   */
  take(bytes: number, resume: () => void): boolean {
    this.#left -= bytes
    const isOver = this.#left <= 0
    if (isOver) this.#waiting.push(resume)
    this.#arm()
    return !isOver
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(() => {
      this.#isArmed = false
      this.#left = this.#bytes
      for (const resume of this.#waiting.splice(0, Math.max(1, Math.floor(this.#bytes / readSize)))) resume()
      if (this.#waiting.length > 0) this.#arm()
    })
  }
}
