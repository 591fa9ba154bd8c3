/** A worker that keeps failing rests for a while: three failures in a row open the breaker, each further one doubles the rest, one success closes it. */

const failuresToOpen = 3
const firstRestMs = 1_000
const longestRestMs = 30_000

export class Breaker {
  #failures = 0
  #restsUntil = 0

  /** When the next request may pass, ms since the epoch; 0 while closed. */
  get restsUntil(): number {
    return this.#restsUntil
  }

  succeed(): void {
    this.#failures = 0
    this.#restsUntil = 0
  }

  fail(now: number): void {
    this.#failures += 1
    if (this.#failures < failuresToOpen) return
    this.#restsUntil = now + Math.min(firstRestMs * 2 ** (this.#failures - failuresToOpen), longestRestMs)
  }
}
