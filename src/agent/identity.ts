/**
 * Who this worker is: recipient keys (X-Wing and X25519, each with the one to use and the next), the receipt key, and the
 * keyset that evidence binds. All keys are made here, in memory, and never leave it; a restart is a new identity.
 *
 * Keysets come in generations. What changes the keyset (its end of life, another list of models) begins a new generation,
 * whose keys to use are the former next ones. The one before goes on being served until nobody can hold a lease on it any
 * more, so that a rotation breaks no request. A receipt names the generation whose key to use the request was sealed to:
 * callers seal to the first key of a KEM, so that the key tells which keyset they verified.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { encodeKeyset, type Keyset, type KeysetModel } from '../attestation/index.ts'
import { generateRecipientKeyPair, kemX25519, kemXWing, keyId, type RecipientKeyPair, RecipientKeyring } from '../envelope/index.ts'
import { sha256, toBase64, toHex } from '../lib/bytes.ts'
import type { Clock, Timer } from '../lib/clock.ts'

const kems = [kemXWing, kemX25519] as const
/** More generations than this at once mean that the models change all the time: the oldest is let go early. */
const maxGenerations = 8

/** One keyset and the keys behind it. */
export interface Generation {
  readonly keyset: Keyset
  readonly keysetBytes: Buffer
  /** H of `keysetBytes`, bare hex, as receipts name it. */
  readonly keysetDigest: string
  readonly receiptKey: { sign(bytes: Uint8Array): Uint8Array }
}

export interface IdentityOptions {
  readonly worker: string
  readonly software: { readonly image_digest: string; readonly version: string }
  readonly models: readonly KeysetModel[]
  readonly clock: Clock
  /** From the making of a keyset to its `not_after`. */
  readonly lifetimeMs: number
  /** How long the keyset before stays valid beside a new one. */
  readonly overlapMs: number
  /** The longest request: keys outlive their `not_after` by it. */
  readonly longestRequestMs: number
  /** Called after every change of generation. */
  readonly onRotate?: (generation: Generation) => void
}

interface Held extends Generation {
  /** Recipient keys to use, one per KEM. */
  readonly current: readonly RecipientKeyPair[]
  /** The `kid`s of `current`, hex. */
  readonly kids: ReadonlySet<string>
  end: Timer | undefined
}

export class Identity {
  /** Opens requests to every generation that is still served. */
  readonly keyring = new RecipientKeyring({ keys: [] })
  readonly #options: IdentityOptions
  #models: readonly KeysetModel[]
  #next: readonly RecipientKeyPair[]
  /** Newest last. */
  #generations: Held[] = []
  #rotation: Timer | undefined
  #stopped = false

  constructor(options: IdentityOptions) {
    this.#options = options
    this.#models = options.models
    this.#next = this.#newKeys()
    this.#advance()
  }

  /** The generation that new evidence is about. */
  get current(): Generation {
    return this.#generations.at(-1)!
  }

  /** The generation whose key to use has this `kid` (hex). A request sealed to a next key belongs to the newest. */
  generationOf(kid: string): Generation {
    return this.#generations.findLast(generation => generation.kids.has(kid)) ?? this.current
  }

  /** Makes the keyset say which models are served now; a list equal to the present one changes nothing. */
  serve(models: readonly KeysetModel[]): void {
    if (this.#stopped || JSON.stringify(models) === JSON.stringify(this.#models)) return
    this.#models = models
    this.#advance()
  }

  /** Begins a new generation now. */
  rotate(): void {
    if (!this.#stopped) this.#advance()
  }

  /** Destroys every key. */
  stop(): void {
    this.#stopped = true
    this.#rotation?.cancel()
    for (const generation of this.#generations.splice(0)) this.#destroy(generation)
    for (const key of this.#next) this.keyring.remove(key.kid)
  }

  #newKeys(): readonly RecipientKeyPair[] {
    const keys = kems.map(kem => generateRecipientKeyPair(kem))
    for (const key of keys) this.keyring.add(key)
    return keys
  }

  #advance(): void {
    const { clock, lifetimeMs, overlapMs } = this.#options
    const now = clock.now()
    const current = this.#next
    this.#next = this.#newKeys()
    const former = this.#generations.at(-1)
    this.#generations.push(this.#generation(current, now + lifetimeMs))
    if (former) this.#retire(former, now)
    while (this.#generations.length > maxGenerations) this.#destroy(this.#generations.shift()!)
    this.#rotation?.cancel()
    this.#rotation = clock.after(Math.max(lifetimeMs - overlapMs, 1), () => this.#advance())
    this.#options.onRotate?.(this.current)
  }

  #generation(current: readonly RecipientKeyPair[], notAfter: number): Held {
    const { worker, software } = this.#options
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const raw = rawEd25519(publicKey)
    const entry = (key: RecipientKeyPair) => ({ kid: toHex(key.kid), kem: key.kem, public_key: toBase64(key.publicKey) })
    const hpke = current.flatMap((key, index) => [entry(key), entry(this.#next[index]!)])
    const receipt = { kid: toHex(keyId(raw)), public_key: toBase64(raw) }
    const keyset: Keyset = { worker, not_after: notAfter, hpke, receipt, models: [...this.#models], software }
    const keysetBytes = encodeKeyset(keyset)
    return {
      keyset,
      keysetBytes,
      keysetDigest: toHex(sha256(keysetBytes)),
      receiptKey: { sign: bytes => sign(null, bytes, privateKey) },
      current,
      kids: new Set(current.map(key => toHex(key.kid))),
      end: undefined,
    }
  }

  /** Nothing is sealed under a keyset after its `not_after`; what was sealed before may still run for as long as a request may. */
  #retire(former: Held, now: number): void {
    const endsAt = former.keyset.not_after + this.#options.longestRequestMs
    former.end = this.#options.clock.after(endsAt - now, () => {
      this.#generations = this.#generations.filter(generation => generation !== former)
      this.#destroy(former)
    })
  }

  #destroy(generation: Held): void {
    generation.end?.cancel()
    for (const key of generation.current) this.keyring.remove(key.kid)
  }
}

function rawEd25519(publicKey: KeyObject): Buffer {
  // RFC 8410: the SPKI of an Ed25519 key ends with its 32 raw bytes.
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
}
