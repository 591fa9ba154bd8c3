/** A long silence is filled with comments, which clients pass over, so that nothing on the way takes a stream for dead. */
import type { Clock, Timer } from '../lib/clock.ts'

/** A comment of the event stream format. */
export const comment = Buffer.from(': keep-alive\n\n')

export class KeepAlive {
  readonly #clock: Clock
  readonly #afterMs: number
  readonly #say: () => void
  #timer: Timer | undefined

  /** Calls `say` after each `afterMs` of silence. */
  constructor(o: { clock: Clock; afterMs: number; say: () => void }) {
    this.#clock = o.clock
    this.#afterMs = o.afterMs
    this.#say = o.say
  }

  /** Something was said: silence begins now, for the first time or anew. */
  restart(): void {
    this.stop()
    this.#timer = this.#clock.after(this.#afterMs, () => {
      this.restart()
      this.#say()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
