/**
 * How much of the proxy one API key may take: requests and tokens a minute, and requests at once. A minute's allowance is a
 * bucket that refills all the time, so that there is no edge between two minutes at which twice as much fits. Tokens are taken
 * at the worst case, for nobody knows better when a request comes, and corrected to what the receipt counts.
 *
 * Nothing here reads a clock. What is known of a key takes half a kilobyte and is let go when `maxKeys` others came since;
 * such a key begins with full buckets again, but what it has running is never forgotten.
 */
import { LRUCache } from 'lru-cache'

const minuteMs = 60_000
/** When to ask again for a place: how long requests run is not known. */
const placeRetryMs = 1_000

export interface KeyLimits {
  readonly requestsPerMinute: number
  readonly tokensPerMinute: number
  /** Requests at once, streams included. */
  readonly concurrent: number
}

/** Why a request is refused. `retryAfterMs` is when it would fit if nothing else came; undefined where it never will. */
export interface Refusal {
  readonly limit: 'requests' | 'tokens' | 'concurrent'
  readonly retryAfterMs: number | undefined
}

/** What is left of one allowance: whole units, and how long until all of it is there again. */
export interface Allowance {
  readonly limit: number
  readonly remaining: number
  readonly resetMs: number
}

interface Buckets {
  readonly requests: Bucket
  readonly tokens: Bucket
}

export class RateLimiter {
  readonly limits: KeyLimits
  readonly #buckets: LRUCache<string, Buckets>
  readonly #running = new Map<string, number>()

  constructor(options: { limits: KeyLimits; maxKeys?: number }) {
    this.limits = options.limits
    this.#buckets = new LRUCache({ max: options.maxKeys ?? 50_000 })
  }

  /** Lets a request of `key` in at `now`, or says why not; then nothing was taken. Who gets an {@link Admission} owes it an `end`. */
  admit(key: string, now: number): Admission | Refusal {
    const running = this.#running.get(key) ?? 0
    if (running >= this.limits.concurrent) return { limit: 'concurrent', retryAfterMs: placeRetryMs }
    const { requests, tokens } = this.#of(key)
    const retryAfterMs = requests.take(1, now)
    if (retryAfterMs !== 0) return { limit: 'requests', retryAfterMs }
    this.#running.set(key, running + 1)
    return new Admission(requests, tokens, () => this.#leave(key))
  }

  /** What `key` has left at `now`. */
  allowances(key: string, now: number): { requests: Allowance; tokens: Allowance } {
    const { requests, tokens } = this.#of(key)
    return { requests: requests.allowance(now), tokens: tokens.allowance(now) }
  }

  /** How many requests of `key` are running. */
  running(key: string): number {
    return this.#running.get(key) ?? 0
  }

  #of(key: string): Buckets {
    const known = this.#buckets.get(key)
    if (known) return known
    const made = { requests: new Bucket(this.limits.requestsPerMinute), tokens: new Bucket(this.limits.tokensPerMinute) }
    this.#buckets.set(key, made)
    return made
  }

  #leave(key: string): void {
    const left = this.running(key) - 1
    if (left > 0) this.#running.set(key, left)
    else this.#running.delete(key)
  }
}

/** One request that was let in: its place among those of its key, and the tokens it may take. */
export class Admission {
  readonly #requests: Bucket
  readonly #tokens: Bucket
  readonly #leave: () => void
  #taken = 0
  #ended = false

  constructor(requests: Bucket, tokens: Bucket, leave: () => void) {
    this.#requests = requests
    this.#tokens = tokens
    this.#leave = leave
  }

  /** Takes `count` tokens, the most the request can use, or says why not; then none were taken. */
  takeTokens(count: number, now: number): Refusal | undefined {
    const retryAfterMs = this.#tokens.take(count, now)
    if (retryAfterMs !== 0) return { limit: 'tokens', retryAfterMs }
    this.#taken += count
    return undefined
  }

  /** The request was served and used `count` tokens: what was taken beyond them is given back, what was used beyond is owed. Frees the place. */
  end(count: number, now: number): void {
    if (this.#ended) return
    this.#tokens.correct(count - this.#taken, now)
    this.#close()
  }

  /** The request was refused after all: everything it took is given back. Frees the place. */
  giveBack(now: number): void {
    if (this.#ended) return
    this.#requests.correct(-1, now)
    this.#tokens.correct(-this.#taken, now)
    this.#close()
  }

  #close(): void {
    this.#ended = true
    this.#leave()
  }
}

/**
 * An allowance a minute. What was taken and has not come back yet is its debt, kept in 60 000ths: what comes back in a
 * millisecond is a whole number of them, so nothing is rounded and who waits as long as it was told is let in.
 */
class Bucket {
  readonly #perMinute: number
  #debt = 0
  #at = 0

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Takes `count` and returns 0, or takes nothing and returns in how many ms it would fit; undefined where it never will. */
  take(count: number, now: number): number | undefined {
    if (count > this.#perMinute) return undefined
    const debt = this.#settle(now) + count * minuteMs
    const missing = debt - this.#perMinute * minuteMs
    if (missing > 0) return Math.ceil(missing / this.#perMinute)
    this.#debt = debt
    return 0
  }

  /** Adds to what was taken, or gives some of it back; never beyond full. */
  correct(by: number, now: number): void {
    this.#debt = Math.max(0, this.#settle(now) + by * minuteMs)
  }

  allowance(now: number): Allowance {
    const debt = this.#settle(now)
    return {
      limit: this.#perMinute,
      remaining: Math.max(0, Math.floor(this.#perMinute - debt / minuteMs)),
      resetMs: Math.ceil(debt / this.#perMinute),
    }
  }

  /** A clock that was set back refills nothing, and costs nothing either. */
  #settle(now: number): number {
    const passed = Math.max(0, now - this.#at)
    this.#debt = Math.max(0, this.#debt - passed * this.#perMinute)
    this.#at = now
    return this.#debt
  }
}
