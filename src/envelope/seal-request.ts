/**
 * Sealing a request (spec, "Request"):
 *
 *     "CEP1" || suite u8 || wraps u8 || ctx length u16 || ctx
 *     wraps x ( kid 8 || enc length u16 || enc )                            c = H(every byte so far)
 *     wraps x sealed dek 48
 *     frames: HEAD DATA... FINAL                                            q = H(every byte so far)
 *     AUTH, where ctx names a payer
 */
import { type KeyObject, randomBytes, sign } from 'node:crypto'
import { concat, sha256, toBase64url, toHex, u8, u16, utf8 } from '../lib/bytes.ts'
import { ed25519RawPublicKey } from '../lib/ed25519.ts'
import { seal } from './aead.ts'
import { EnvelopeError } from './errors.ts'
import { clearFrame, FrameCipher, frame, magic, maxPlaintext } from './frames.ts'
import { dekSize, requestKeys, type WrapKeys, wrapKeys } from './key-schedule.ts'
import { encodeRequestHead } from './messages.ts'
import { cellSize, mostContent } from './padding.ts'
import { encodeContext } from './request-context.ts'
import type { SenderSession } from './sender-session.ts'
import { defaultLimits, type PaddingMode, type Random, type RequestContext, type Suite } from './types.ts'

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
  readonly bytes: Buffer
  readonly context: RequestContext
  readonly suite: Suite
  /** `c`: H of context and recipients. */
  readonly contextDigest: Buffer
  /** `q`: H of the request up to FINAL. */
  readonly requestDigest: Buffer
  readonly #replies: ReadonlyMap<string, ReplySecret>

  constructor(
    parts: Pick<SealedRequest, 'bytes' | 'context' | 'suite' | 'contextDigest' | 'requestDigest'>,
    replies: ReadonlyMap<string, ReplySecret>,
  ) {
    this.bytes = parts.bytes
    this.context = parts.context
    this.suite = parts.suite
    this.contextDigest = parts.contextDigest
    this.requestDigest = parts.requestDigest
    this.#replies = replies
  }

  get rid(): string {
    return this.context.rid
  }

  /** What opens an answer under the wrap of `kid` (hex), if there is such a wrap. */
  reply(kid: string): ReplySecret | undefined {
    return this.#replies.get(kid)
  }
}

/** One wrap's part in the keys of the answer. */
export interface ReplySecret {
  readonly suite: Suite
  readonly prk: KeyObject
  readonly enc: Buffer
}

/**
 * Seals a request to one to four workers. Throws `malformed` for a context that is not well formed, `too-large` for a body
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
  const frames = sealBody(new FrameCipher(requestKeys(suite, c, dek)), options.contentType, body, context.pad)
  dek.fill(0)

  const whole = concat(clear, ...wraps, ...frames)
  const q = sha256(whole)
  const bytes = options.payerKey ? concat(whole, clearFrame(frame.auth, sign(null, authBytes(q), options.payerKey))) : whole
  const replies = new Map(sessions.map(({ kid, enc }, i) => [toHex(kid), { suite, prk: keys[i]!.prk, enc }]))
  return new SealedRequest({ bytes, context, suite, contextDigest: c, requestDigest: q }, replies)
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

function sealBody(cipher: FrameCipher, contentType: string, body: Uint8Array, pad: PaddingMode): Buffer[] {
  const cell = cellSize(pad)
  const most = mostContent(maxPlaintext, cell)
  const frames = [cipher.seal(frame.head, encodeRequestHead(contentType), cell)]
  for (let at = 0; at < body.length; at += most) frames.push(cipher.seal(frame.data, body.subarray(at, at + most), cell))
  frames.push(cipher.seal(frame.final, Buffer.alloc(0), cell))
  return frames
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
