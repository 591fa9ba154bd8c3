/** A clock that stands still until a test moves it. */
import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from '../../src/lib/clock.ts'

interface Alarm {
  readonly at: number
  readonly action: () => void
}

export class ManualClock implements Clock {
  #now: number
  readonly #alarms = new Set<Alarm>()

  constructor(startMs: number) {
    this.#now = startMs
  }

  now(): number {
    return this.#now
  }

  after(delayMs: number, action: () => void): Timer {
    const alarm = { at: this.#now + Math.max(delayMs, 0), action }
    this.#alarms.add(alarm)
    return { cancel: () => this.#alarms.delete(alarm) }
  }

  /** Lets `ms` pass: fires what is due in its order, each at its own time, and lets what that starts go on before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await setImmediate()
    for (let due = this.#next(end); due; due = this.#next(end)) {
      this.#alarms.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.action()
      await setImmediate()
    }
    this.#now = end
  }

  /** Lets time pass, `stepMs` at a time, until `work` is done, and gives its result. */
  async until<T>(work: Promise<T>, stepMs = 1_000): Promise<T> {
    let done = false
    const finish = () => {
      done = true
    }
    work.then(finish, finish)
    while (!done) await this.advance(stepMs)
    return work
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms) if (alarm.at <= end && (!first || alarm.at < first.at)) first = alarm
    return first
  }
}
