/**
 * Who may see the console: holders of the operator key, never of callers' API keys. The key is exchanged for a session
 * cookie, directly or by a one-time token that stands in a link.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../lib/clock.ts'

const tokenLifetimeMs = 10 * 60_000
const sessionLifetimeMs = 12 * 3_600_000

export class ConsoleAccess {
  readonly #keyDigest: Buffer
  readonly #clock: Clock
  readonly #tokens = new LRUCache<string, number>({ max: 64 })
  readonly #sessions = new LRUCache<string, number>({ max: 256 })

  constructor(operatorKey: string, clock: Clock) {
    this.#keyDigest = digest(operatorKey)
    this.#clock = clock
  }

  /** Whether `key` is the operator key, compared in constant time. */
  isOperator(key: string): boolean {
    return timingSafeEqual(digest(key), this.#keyDigest)
  }

  /** A token that opens one session within ten minutes. */
  mintToken(): string {
    return this.#mint(this.#tokens, tokenLifetimeMs)
  }

  /** Spends a token; undefined where it is unknown, spent or too old. */
  redeem(token: string): string | undefined {
    const until = this.#tokens.get(token)
    this.#tokens.delete(token)
    return until !== undefined && this.#clock.now() < until ? this.openSession() : undefined
  }

  openSession(): string {
    return this.#mint(this.#sessions, sessionLifetimeMs)
  }

  isSession(session: string | undefined): boolean {
    const until = session === undefined ? undefined : this.#sessions.get(session)
    return until !== undefined && this.#clock.now() < until
  }

  #mint(into: LRUCache<string, number>, lifetimeMs: number): string {
    const value = randomBytes(24).toString('base64url')
    into.set(value, this.#clock.now() + lifetimeMs)
    return value
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
