/** The worker's private keys, current and next, and the sessions that have been opened under them. */
import { LRUCache } from 'lru-cache'
import { toHex } from '../lib/bytes.ts'
import { EnvelopeError } from './errors.ts'
import type { RecipientKey, RecipientKeyPair } from './recipient-key.ts'
import { sessionInfo, sessionLabel, sessionSize } from './sender-session.ts'

interface Entry {
  readonly pair: RecipientKeyPair
  /** By the bytes of `enc`, one character each. */
  readonly sessions: LRUCache<string, Buffer>
}

/** The secret of a session, and the way to remember it once a wrap under it has opened. */
export interface FoundSession {
  readonly secret: Buffer
  keep(): void
}

export class RecipientKeyring {
  readonly #entries = new Map<string, Entry>()
  readonly #maxSessions: number

  /** `maxSessions` bounds the memory of each key: about 1.5 KB a session. */
  constructor(options: { keys: readonly RecipientKeyPair[]; maxSessions?: number }) {
    this.#maxSessions = options.maxSessions ?? 1024
    for (const key of options.keys) this.add(key)
  }

  /** Public halves, in the order they were added: per KEM the key to use, then the next. */
  get keys(): RecipientKey[] {
    return [...this.#entries.values()].map(({ pair: { kid, kem, publicKey } }) => ({ kid, kem, publicKey }))
  }

  add(key: RecipientKeyPair): void {
    const name = toHex(key.kid)
    if (this.#entries.has(name)) throw new EnvelopeError('misuse', 'the keyring has this key')
    this.#entries.set(name, { pair: key, sessions: new LRUCache({ max: this.#maxSessions }) })
  }

  /** Destroys a key and every session under it: nothing sealed to it opens any more. */
  remove(kid: Uint8Array): void {
    this.#entries.delete(toHex(kid))
  }

  /** Whether a wrap for `kid` can be tried. */
  has(kid: Uint8Array): boolean {
    return this.#entries.has(toHex(kid))
  }

  /** The session of `(kid, enc)`, remembered or computed anew. Throws `unknown-key`, or `malformed` for an `enc` that is none. */
  session(kid: Uint8Array, enc: Buffer): FoundSession {
    const entry = this.#entries.get(toHex(kid))
    if (!entry) throw new EnvelopeError('unknown-key', 'no wrap is for a key that is held')
    const name = enc.toString('latin1')
    const kept = entry.sessions.get(name)
    if (kept) return { secret: kept, keep: () => {} }
    const secret = entry.pair.privateKey.receiveExport(enc, sessionInfo(kid), sessionLabel, sessionSize)
    return { secret, keep: () => entry.sessions.set(name, secret) }
  }
}
