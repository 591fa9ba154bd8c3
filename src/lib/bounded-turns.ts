/** Work that is dear and goes one at a time: so many wait at most, and so many are begun in a second. */
import type { Clock } from './clock.ts'

export interface BoundedTurnsOptions {
  readonly clock: Pick<Clock, 'now'>
  /** In the long run; twice as many may come at once. */
  readonly perSecond: number
  readonly mostWaiting: number
}

export class BoundedTurns {
  readonly #options: BoundedTurnsOptions
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #tokens: number
  #filledAt: number

  constructor(options: BoundedTurnsOptions) {
    this.#options = options
    this.#tokens = options.perSecond * 2
    this.#filledAt = options.clock.now()
  }

  /** What `work` comes to, in its turn; undefined at once where too much is asked: **retry** in a second. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#waiting >= this.#options.mostWaiting || !this.#take()) return undefined
    this.#waiting += 1
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => {})
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }

  /** A token bucket. */
  #take(): boolean {
    const { clock, perSecond } = this.#options
    const now = clock.now()
    this.#tokens = Math.min(perSecond * 2, this.#tokens + (Math.max(now - this.#filledAt, 0) * perSecond) / 1_000)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
