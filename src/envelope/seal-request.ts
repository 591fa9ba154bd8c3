/**
 * Sealing a request (spec, "Request"):
 *
 *     "CEP1" || suite u8 || wraps u8 || ctx length u16 || ctx
 *     wraps x ( kid 8 || enc length u16 || enc )                            c = H(every byte so far)
 *     wraps x sealed dek 48
 *     frames: HEAD DATA... FINAL                                            q = H(every byte so far)
 *     AUTH, where ctx names a payer
 */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { concat, sha256, toBase64url, toHex, u8, u16, utf8 } from '../lib/bytes.ts'
import { ed25519RawPublicKey } from '../lib/ed25519.ts'
import { seal } from './aead.ts'
import { EnvelopeError } from './errors.ts'
import { clearFrame, FrameCipher, frame, headerSize, magic, sealedSize } from './frames.ts'
import { type AeadKeys, dekSize, requestKeys, type WrapKeys, wrapKeys } from './key-schedule.ts'
import { encodeRequestHead } from './messages.ts'
import { cellSize, mostContent } from './padding.ts'
import { encodeContext } from './request-context.ts'
import type { SenderSession } from './sender-session.ts'
import { defaultLimits, type Random, type RequestContext, type Suite } from './types.ts'

export const maxWraps = 4

export interface SealRequestOptions {
  readonly context: RequestContext
  /** One to four, towards different keys of one KEM. The first whose worker holds it answers. */
  readonly sessions: readonly SenderSession[]
  readonly contentType: string
  /** The HTTP body, word for word. */
  readonly body: Uint8Array
  /** 1 (AES-256-GCM) where left out. */
  readonly suite?: Suite
  /** The private Ed25519 key of `context.payer`; exactly where that is not null. */
  readonly payerKey?: KeyObject
  /** For test vectors only. */
  readonly random?: Random
}

/** A request on its way: the bytes to send, and privately what it takes to open the answer. */
export class SealedRequest {
  readonly context: RequestContext
  readonly suite: Suite
  /** How many bytes will be sent. */
  readonly size: number
  /** `c`: H of context and recipients. */
  readonly contextDigest: Buffer
  readonly #seal: () => Pieces
  readonly #replies: ReadonlyMap<string, ReplySecret>
  #bytes: Buffer | undefined
  #requestDigest: Buffer | undefined

  constructor(
    parts: Pick<SealedRequest, 'context' | 'suite' | 'size' | 'contextDigest'>,
    seal: () => Pieces,
    replies: ReadonlyMap<string, ReplySecret>,
  ) {
    this.context = parts.context
    this.suite = parts.suite
    this.size = parts.size
    this.contextDigest = parts.contextDigest
    this.#seal = seal
    this.#replies = replies
  }

  get rid(): string {
    return this.context.rid
  }

  /** Everything at once, in one piece. Sealing takes about a millisecond per MiB: for a large body there is {@link pieces}. */
  get bytes(): Buffer {
    this.#bytes ??= joined([...this.pieces()])
    return this.#bytes
  }

  /**
   * The bytes to send, sealed piece by piece as they are taken; a small request is one piece. Taken again they are the same
   * bytes, for which the body must not have changed: other bytes under these keys would give both away.
   */
  *pieces(): Generator<Buffer, void, undefined> {
    if (this.#bytes) yield this.#bytes
    else this.#requestDigest = yield* this.#seal()
  }

  /** Whether every piece was taken, so that there is something to be answered. */
  get isWhole(): boolean {
    return this.#requestDigest !== undefined
  }

  /** `q`: H of the request up to FINAL. Throws `misuse` before every piece was taken. */
  get requestDigest(): Buffer {
    if (!this.#requestDigest) throw new EnvelopeError('misuse', 'a request has no digest before it is whole')
    return this.#requestDigest
  }

  /** What opens an answer under the wrap of `kid` (hex), if there is such a wrap. */
  reply(kid: string): ReplySecret | undefined {
    return this.#replies.get(kid)
  }
}

/** Yields the bytes of a request and returns its digest. */
type Pieces = Generator<Buffer, Buffer, undefined>

/** One wrap's part in the keys of the answer. */
export interface ReplySecret {
  readonly suite: Suite
  readonly prk: KeyObject
  readonly enc: Buffer
}

/**
 * Seals a request to one to four workers; the body is sealed as its pieces are taken, and must not change before. Throws `malformed` for a context that is not well formed, `too-large` for a body
 * above 64 MiB, `rid-reused` when a session served this `rid` before, `misuse` for sessions or a payer's key that do not fit.
 */
export function sealRequest(options: SealRequestOptions): SealedRequest {
  const { context, sessions, body, suite = 1, random = randomBytes } = options
  checkSessions(sessions)
  checkPayer(context, options.payerKey)
  if (body.length > defaultLimits.maxData) throw new EnvelopeError('too-large', `a body is longer than ${defaultLimits.maxData} bytes`)

  const ctx = encodeContext(context)
  const recipients = sessions.map(({ kid, enc }) => concat(kid, u16(enc.length), enc))
  const clear = concat(magic, u8(suite), u8(sessions.length), u16(ctx.length), ctx, ...recipients)
  const c = sha256(clear)

  const dek = random(dekSize)
  const keys = sessions.map(session => wrapKeys(suite, c, session.serve(context.rid)))
  const wraps = keys.map((wrap, i) => sealDek(wrap, sessions[i]!, dek))
  const bodyKeys = requestKeys(suite, c, dek)
  dek.fill(0)

  const start = concat(clear, ...wraps)
  const replies = new Map(sessions.map(({ kid, enc }, i) => [toHex(kid), { suite, prk: keys[i]!.prk, enc }]))
  const plan: Plan = {
    start,
    head: encodeRequestHead(options.contentType),
    body,
    length: body.length,
    cell: cellSize(context.pad),
    payerKey: options.payerKey,
  }
  return new SealedRequest({ context, suite, size: sizeOf(plan), contextDigest: c }, () => sealPieces(plan, bodyKeys), replies)
}

/** What a payer signs. */
export function authBytes(q: Uint8Array): Buffer {
  return concat(utf8('chrysalis request v1'), q)
}

/** What a sealed dek is bound to, beyond `c`: its own recipient. */
export function wrapAad(kid: Uint8Array, enc: Uint8Array): Buffer {
  return concat(kid, enc)
}

function sealDek(wrap: WrapKeys, { kid, enc }: SenderSession, dek: Buffer): Buffer {
  const { ciphertext, tag } = seal(wrap.suite, wrap.key, wrap.nonce, wrapAad(kid, enc), dek)
  return concat(ciphertext, tag)
}

/** What the bytes of a request are made from. */
interface Plan {
  /** All before the first frame. */
  readonly start: Buffer
  readonly head: Buffer
  readonly body: Uint8Array
  readonly length: number
  readonly cell: number | undefined
  readonly payerKey: KeyObject | undefined
}

/** Most content of one DATA frame: what is sealed between two turns of a sender's event loop, in less than a millisecond. */
const sliceSize = 256 * 1024
const nothing = Buffer.alloc(0)

function* sealPieces({ start, head, body, length, cell, payerKey }: Plan, keys: AeadKeys): Pieces {
  if (body.length !== length) throw new EnvelopeError('misuse', 'the body of a request is gone')
  const cipher = new FrameCipher(keys)
  const hash = createHash('sha256')
  const slice = mostContent(sliceSize, cell)
  let ready = [start, cipher.seal(frame.head, head, cell)]
  for (let at = 0; at < length; at += slice) {
    ready.push(cipher.seal(frame.data, body.subarray(at, at + slice), cell))
    if (at + slice >= length) break
    const piece = joined(ready)
    hash.update(piece)
    yield piece
    ready = []
  }
  ready.push(cipher.seal(frame.final, nothing, cell))
  const last = joined(ready)
  const q = hash.update(last).digest()
  yield payerKey ? concat(last, clearFrame(frame.auth, sign(null, authBytes(q), payerKey))) : last
  return q
}

/** The size of all pieces together. */
function sizeOf({ start, head, length, cell, payerKey }: Plan): number {
  const slice = mostContent(sliceSize, cell)
  const full = Math.floor(length / slice)
  const frames = sealedSize(head.length, cell) + full * sealedSize(slice, cell) + sealedSize(0, cell)
  const rest = length % slice
  return start.length + frames + (rest > 0 ? sealedSize(rest, cell) : 0) + (payerKey ? headerSize + 64 : 0)
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function checkSessions(sessions: readonly SenderSession[]): void {
  const misuse = (message: string) => new EnvelopeError('misuse', message)
  if (sessions.length < 1 || sessions.length > maxWraps) throw misuse(`a request is sealed to one to ${maxWraps} keys`)
  if (new Set(sessions.map(session => session.kem)).size > 1) throw misuse('all keys of a request have one KEM')
  if (new Set(sessions.map(session => toHex(session.kid))).size < sessions.length) throw misuse('a request names each key once')
}

function checkPayer(context: RequestContext, payerKey: KeyObject | undefined): void {
  if (payerKey && !(payerKey.type === 'private' && payerKey.asymmetricKeyType === 'ed25519'))
    throw new EnvelopeError('misuse', "the payer's key is not a private Ed25519 key")
  const signer = payerKey ? toBase64url(ed25519RawPublicKey(payerKey)) : null
  if (signer !== context.payer) throw new EnvelopeError('misuse', 'the key that signs is not that of ctx.payer')
}
