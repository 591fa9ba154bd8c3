import type { RecipientKey, RecipientKeyPair } from './recipient-key.ts'

export class RecipientKeyring {
  constructor(_options: { keys: readonly RecipientKeyPair[]; maxSessions?: number }) {}
  /** Public halves, in the order they were added: per KEM the key to use, then the next. */
  get keys(): RecipientKey[] {
    throw new Error('not yet')
  }
  add(_key: RecipientKeyPair): void {
    throw new Error('not yet')
  }
  /** Destroys a key and every session under it. */
  remove(_kid: Uint8Array): void {
    throw new Error('not yet')
  }
}
