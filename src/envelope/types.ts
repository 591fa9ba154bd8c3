/** The words of the sealed envelope, version 1 (docs/envelope-spec.md): what both ends of it speak about. */

/** The AEAD of every seal in one envelope: 1 = AES-256-GCM, 2 = ChaCha20-Poly1305. */
export type Suite = 1 | 2

/** HPKE's number of X-Wing (X25519 + ML-KEM-768), the KEM every keyset has. */
export const kemXWing = 0x647a
/** HPKE's number of DHKEM(X25519, HKDF-SHA256), for callers whose runtime has no ML-KEM. */
export const kemX25519 = 0x0020

/** Classes of tokens, counted apart: every usage and every price has these four. */
export const tokenClasses = ['prompt', 'cached', 'completion', 'reasoning'] as const
/** What is sold otherwise than by the token. A price names those that it has a price for, and a usage names no other. */
export const otherUnits = ['images', 'characters', 'seconds'] as const

export type TokenClass = (typeof tokenClasses)[number]
export type OtherUnit = (typeof otherUnits)[number]
export type Unit = TokenClass | OtherUnit

/** Counts, disjoint: `prompt` without `cached`, `completion` without `reasoning`; a unit that is not named counts 0. Each a safe integer from 0. */
export type Usage = Readonly<Record<TokenClass, number>> & Readonly<Partial<Record<OtherUnit, number>>>

/** What the payer pays per unit, nanoTON per 10^6 of it, as decimal strings. */
export type Price = Readonly<Record<TokenClass, string>> & Readonly<Partial<Record<OtherUnit, string | undefined>>>

/** How the sizes of sealed frames are hidden (spec, "Padding"). */
export type PaddingMode = 'off' | 'cells' | 'steady'

/** The clear, authenticated part of a request. Exactly these members, encoded in this order. */
export interface RequestContext {
  /** 16 random bytes, base64url. */
  readonly rid: string
  /** When the request was sealed, milliseconds since the Unix epoch. */
  readonly ts: number
  /** The path the request is for, such as `/v1/chat/completions`. */
  readonly path: string
  readonly model: string
  readonly stream: boolean
  /** The address of the payment channel that is charged. */
  readonly channel: string
  /** The most the request may cost, nanoTON as a decimal string. */
  readonly cap: string
  readonly price: Price
  readonly pad: PaddingMode
  /** The `weights_digest` that must serve (`sha256:` and hex), or null where any may. */
  readonly weights: string | null
  /** The payer's raw Ed25519 key, base64url, when the request carries the payer's signature. */
  readonly payer: string | null
}

/** Why an answer ended. `error` stands after an ERROR frame and nowhere else; `budget`: the next token could have passed `cap`. */
export type Finish = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'budget' | 'cancelled' | 'error'

/** OpenAI's error object, always with all four members. */
export interface OpenAIErrorObject {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
}

/** Sizes an opener accepts. */
export interface EnvelopeLimits {
  /** Longest payload of one frame, bytes. */
  readonly maxPayload: number
  /** Most content bytes of all DATA frames together. Padding does not count. */
  readonly maxData: number
}

/** 1 MiB per frame, 64 MiB per body. */
export const defaultLimits: EnvelopeLimits = { maxPayload: 1024 * 1024, maxData: 64 * 1024 * 1024 }

/** A source of uniform random bytes. Injected in tests and vectors only. */
export type Random = (size: number) => Buffer

/** What a frame of a response says once it is whole and has opened. Byte strings belong to the receiver. */
export type ResponseEvent =
  | { readonly type: 'head'; readonly status: number; readonly contentType: string }
  | { readonly type: 'data'; readonly bytes: Buffer }
  | { readonly type: 'final'; readonly finish: Finish; readonly usage: Usage }
  | { readonly type: 'error'; readonly status: number; readonly error: OpenAIErrorObject; readonly usage: Usage }
  /** `transcript` is H of every response byte before the frame: what the signed statement must name. */
  | { readonly type: 'checkpoint'; readonly payload: Buffer; readonly transcript: Buffer }
  | { readonly type: 'receipt'; readonly payload: Buffer; readonly transcript: Buffer }
