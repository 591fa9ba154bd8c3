/** The sender's half of a session: one encapsulation to a worker's key, good for many requests (spec, "Session"). */
import { randomBytes } from 'node:crypto'
import { concat, equalBytes, utf8 } from '../lib/bytes.ts'
import { EnvelopeError } from './errors.ts'
import { sendExport } from './hpke.ts'
import { keyId, type RecipientKey } from './recipient-key.ts'
import type { Random } from './types.ts'

/** Label of the one secret that is exported, and its size. */
export const sessionLabel = 'session'
export const sessionSize = 32

/** HPKE's info of a session: binds it to this format and to the key. */
export function sessionInfo(kid: Uint8Array): Buffer {
  return concat(utf8('chrysalis envelope v1'), kid)
}

export class SenderSession {
  readonly kid: Buffer
  readonly kem: number
  readonly enc: Buffer
  readonly #secret: Buffer
  readonly #served = new Set<string>()

  /** For {@link createSenderSession} and test vectors: nothing else knows a secret that belongs to `enc`. */
  constructor(parts: { kid: Uint8Array; kem: number; enc: Uint8Array; secret: Uint8Array }) {
    this.kid = Buffer.from(parts.kid)
    this.kem = parts.kem
    this.enc = Buffer.from(parts.enc)
    this.#secret = Buffer.from(parts.secret)
  }

  /**
   * The session's secret, once per `rid`: for the same context twice, two keys would be sealed under one nonce.
   * Throws `rid-reused`.
   */
  serve(rid: string): Buffer {
    if (this.#served.has(rid)) throw new EnvelopeError('rid-reused', 'this session has served the rid before')
    this.#served.add(rid)
    return this.#secret
  }
}

/**
 * Begins a session towards a worker's key. In plain mode the caller keeps it for at most 60 s, so that the curve work is
 * not paid per request; in sealed mode it makes one per request. Throws `malformed` for a key or `kid` that is none,
 * `misuse` for a KEM that is not ours.
 */
export function createSenderSession(key: RecipientKey, random: Random = randomBytes): SenderSession {
  if (!equalBytes(keyId(key.publicKey), key.kid)) throw new EnvelopeError('malformed', 'the kid is not that of the public key')
  const { enc, secret } = sendExport(key, sessionInfo(key.kid), sessionLabel, sessionSize, random)
  return new SenderSession({ kid: key.kid, kem: key.kem, enc, secret })
}
