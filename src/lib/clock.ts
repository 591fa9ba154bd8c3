/** Time as an argument, so that tests decide when it passes. */

/** A running timer that can be stopped. Stopping twice is harmless. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Calls `action` once after `delayMs`. A timer never keeps the process alive. */
  after(delayMs: number, action: () => void): Timer
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    // setTimeout fires at once for a delay beyond 2^31 ms: wait in steps.
    const longest = 2 ** 31 - 1
    let handle: NodeJS.Timeout
    const arm = (left: number) => {
      handle = setTimeout(() => (left > longest ? arm(left - longest) : action()), Math.min(Math.max(left, 0), longest))
      handle.unref()
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
}
