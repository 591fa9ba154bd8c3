/** HPKE sessions of a sender, one per worker key, kept for at most 60 s so that the curve work is not paid per request (envelope spec, "Session"). */
import { LRUCache } from 'lru-cache'
import { createSenderSession, type RecipientKey, type SenderSession } from '../envelope/index.ts'
import type { Clock } from '../lib/clock.ts'

const lifetimeMs = 60_000

export class SenderSessions {
  readonly #kept = new LRUCache<string, { session: SenderSession; until: number }>({ max: 1024 })
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The session towards `key`, made afresh once the kept one is 60 s old. `rid` 's are drawn at random, so no kept session serves one twice. */
  for(key: RecipientKey): SenderSession {
    const id = Buffer.from(key.kid).toString('hex')
    const kept = this.#kept.get(id)
    const now = this.#clock.now()
    if (kept && now < kept.until) return kept.session
    const session = createSenderSession(key)
    this.#kept.set(id, { session, until: now + lifetimeMs })
    return session
  }

  /** Drops the session towards a key, so that one `rid` sealed again never runs under the same session. */
  forget(kid: Uint8Array): void {
    this.#kept.delete(Buffer.from(kid).toString('hex'))
  }
}
