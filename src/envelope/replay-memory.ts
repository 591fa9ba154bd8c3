/** The worker's memory of the requests it took (spec, "Replay"). Processes that share a key share one; who lost it makes new keys. */
import type { Clock } from '../lib/clock.ts'
import { EnvelopeError } from './errors.ts'

const slotMs = 1000

export class ReplayMemory {
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #capacity: number
  readonly #taken = new Map<string, number>()
  /** The same rids by the second of their `ts`, so that the past is let go a second at a time. */
  readonly #slots = new Map<number, Set<string>>()
  /** The highest `ts` that was let go, or could have been: nothing at or below it is taken any more. */
  #floor = -1
  #swept = Number.NEGATIVE_INFINITY

  /** `capacity`: how many requests are remembered, about 150 bytes each. Size it for twice `windowMs` of traffic: above it requests are refused. */
  constructor(options: { clock: Clock; windowMs?: number; capacity: number }) {
    this.#clock = options.clock
    this.#windowMs = options.windowMs ?? 120_000
    this.#capacity = options.capacity
  }

  /** How many requests are remembered now. */
  get size(): number {
    return this.#taken.size
  }

  /**
   * Remembers `rid`. Throws `clock` when `ts` is further from now than the window, or not above what was let go (whatever the
   * clock says: it may have been set back); `replayed` when the rid was taken; `full` when there is no room: nothing is
   * forgotten to make some.
   */
  take(rid: string, ts: number): void {
    const now = this.#clock.now()
    this.#letGo(now - this.#windowMs)
    if (Math.abs(ts - now) > this.#windowMs) throw new EnvelopeError('clock', 'ts is outside the time window')
    if (ts <= this.#floor) throw new EnvelopeError('clock', 'ts is before what the replay memory still knows')
    if (this.#taken.has(rid)) throw new EnvelopeError('replayed', 'the rid was taken before')
    if (this.#taken.size >= this.#capacity) throw new EnvelopeError('full', 'the replay memory is full')
    this.#taken.set(rid, ts)
    const slot = Math.floor(ts / slotMs)
    const found = this.#slots.get(slot)
    if (found) found.add(rid)
    else this.#slots.set(slot, new Set([rid]))
  }

  /** The request never became whole: it may come again. Gives back only what was taken with this `ts`. */
  giveBack(rid: string, ts: number): void {
    if (this.#taken.get(rid) !== ts) return
    this.#taken.delete(rid)
    const slot = Math.floor(ts / slotMs)
    const rids = this.#slots.get(slot)
    rids?.delete(rid)
    if (rids?.size === 0) this.#slots.delete(slot)
  }

  /** Lets go of every whole second before `oldest`: those `ts` are outside the window by now. */
  #letGo(oldest: number): void {
    const first = Math.floor(oldest / slotMs)
    if (first <= this.#swept) return
    this.#swept = first
    for (const [slot, rids] of this.#slots) {
      if (slot >= first) continue
      for (const rid of rids) this.#taken.delete(rid)
      this.#slots.delete(slot)
      this.#floor = Math.max(this.#floor, (slot + 1) * slotMs - 1)
    }
  }
}
