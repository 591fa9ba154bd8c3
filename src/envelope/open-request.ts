/** Opening a request at the worker, as its bytes arrive (layout: seal-request.ts; spec, "Request" and "Replay"). */
import { createHash, type Hash, verify } from 'node:crypto'
import { fromBase64url, toHex } from '../lib/bytes.ts'
import { ed25519PublicKey } from '../lib/ed25519.ts'
import { GrowingBytes } from '../lib/growing-bytes.ts'
import { isSuite, open, tagSize } from './aead.ts'
import { ByteParser, type Steps } from './byte-parser.ts'
import { EnvelopeError } from './errors.ts'
import { FrameCipher, frame, headerSize, magic, parseHeader } from './frames.ts'
import { kemSizes } from './hpke.ts'
import { dekSize, requestKeys, wrapKeys } from './key-schedule.ts'
import { parseRequestHead } from './messages.ts'
import type { RecipientKeyring } from './recipient-keyring.ts'
import type { ReplayMemory } from './replay-memory.ts'
import { parseContext } from './request-context.ts'
import { authBytes, maxWraps, type ReplySecret, wrapAad } from './seal-request.ts'
import { defaultLimits, type EnvelopeLimits, kemX25519, kemXWing, type RequestContext, type Suite } from './types.ts'

export interface RequestOpenerOptions {
  readonly keyring: RecipientKeyring
  readonly replay: ReplayMemory
  readonly limits?: EnvelopeLimits
  /** How many bytes the sender says will come; only a hint of how large the body is. */
  readonly expectedBytes?: number | undefined
}

/** A request that stands whole: FINAL opened, AUTH checked. */
export class OpenedRequest {
  readonly context: RequestContext
  readonly contentType: string
  /** The HTTP body, word for word. */
  readonly body: Buffer
  /** The payer's signature, where `context` names a payer; it was checked. With the receipt it proves a debit. */
  readonly auth: Buffer | null
  readonly suite: Suite
  /** The key that opened it, hex. */
  readonly kid: string
  /** `c` and `q`. */
  readonly contextDigest: Buffer
  readonly requestDigest: Buffer
  readonly #reply: ReplySecret

  constructor(
    parts: Pick<OpenedRequest, 'context' | 'contentType' | 'body' | 'auth' | 'kid' | 'contextDigest' | 'requestDigest'>,
    reply: ReplySecret,
  ) {
    this.context = parts.context
    this.contentType = parts.contentType
    this.body = parts.body
    this.auth = parts.auth
    this.suite = reply.suite
    this.kid = parts.kid
    this.contextDigest = parts.contextDigest
    this.requestDigest = parts.requestDigest
    this.#reply = reply
  }

  /** Whether the payer that `context` names has signed this request. */
  get payerVerified(): boolean {
    return this.auth !== null
  }

  /** What seals the answer. */
  get reply(): ReplySecret {
    return this.#reply
  }
}

/**
 * Reads one request. Every defect throws {@link EnvelopeError} from `push` or `end`, and again from every later call; a
 * request that does not become whole gives its `rid` back by itself, or by {@link abandon} when the line is lost.
 */
export class RequestOpener {
  readonly #options: RequestOpenerOptions
  readonly #limits: EnvelopeLimits
  readonly #parser: ByteParser<OpenedRequest>
  #context: RequestContext | undefined
  #taken = false
  #failure: unknown

  constructor(options: RequestOpenerOptions) {
    this.#options = options
    this.#limits = options.limits ?? defaultLimits
    this.#parser = new ByteParser(this.#steps())
  }

  /** The request's context, once the wrap has opened. The caller is charged for nothing before {@link end} returns. */
  get context(): RequestContext | undefined {
    return this.#context
  }

  /**
   * Feeds bytes as they arrive. The chunk is kept, not copied. Throws `unknown-key`, `does-not-open`, `malformed`,
   * `too-large`, `replayed`, `clock`, `full` or `bad-auth`.
   */
  push(chunk: Uint8Array): void {
    this.#guard(() => {
      this.#parser.push(chunk)
      if (this.#parser.surplus) throw new EnvelopeError('malformed', 'bytes follow the end of the request')
    })
  }

  /** The whole request, when the bytes have ended. Throws `truncated` where it is not whole. */
  end(): OpenedRequest {
    return this.#guard(() => {
      const request = this.#parser.result
      if (!request) throw new EnvelopeError('truncated', 'the request ends too early')
      this.#taken = false
      return request
    })
  }

  /** The line was lost: gives the `rid` back unless the request stood. Harmless at any time. */
  abandon(): void {
    if (this.#taken && this.#context) this.#options.replay.giveBack(this.#context.rid, this.#context.ts)
    this.#taken = false
    this.#failure ??= new EnvelopeError('truncated', 'the request was given up')
  }

  #guard<T>(action: () => T): T {
    if (this.#failure) throw this.#failure
    try {
      return action()
    } catch (error) {
      this.#failure = error
      this.abandon()
      throw error
    }
  }

  *#steps(): Steps<OpenedRequest> {
    const hash = createHash('sha256')
    const { suite, context, wraps, contextDigest, sealedDeks } = yield* readStart(hash)

    // 1. The first wrap that is for a key held here. No other is tried.
    const index = wraps.findIndex(wrap => this.#options.keyring.has(wrap.kid))
    const wrap = wraps[index]
    if (!wrap) throw new EnvelopeError('unknown-key', 'no wrap is for a key that is held')
    const session = this.#options.keyring.session(wrap.kid, wrap.enc)
    const keys = wrapKeys(suite, contextDigest, session.secret)
    const dek = open(
      suite,
      keys.key,
      keys.nonce,
      wrapAad(wrap.kid, wrap.enc),
      sealedDeks.subarray(index * sealedDekSize, (index + 1) * sealedDekSize),
    )
    session.keep()

    // 2. The rid, before the body is read.
    this.#options.replay.take(context.rid, context.ts)
    this.#context = context
    this.#taken = true

    // 3. The body, to FINAL.
    const cipher = new FrameCipher(requestKeys(suite, contextDigest, dek))
    dek.fill(0)
    const { contentType, body } = yield* this.#body(hash, cipher)
    const requestDigest = hash.digest()

    // 4. The payer's signature over all of it.
    const auth = context.payer === null ? null : yield* readAuth(context.payer, requestDigest, this.#limits)
    return new OpenedRequest(
      { context, contentType, body, auth, kid: toHex(wrap.kid), contextDigest, requestDigest },
      { suite, prk: keys.prk, enc: Buffer.from(wrap.enc) },
    )
  }

  *#body(hash: Hash, cipher: FrameCipher): Steps<{ contentType: string; body: Buffer }> {
    let contentType: string | undefined
    const { maxData } = this.#limits
    const body = new GrowingBytes({ limit: maxData, expected: this.#options.expectedBytes })
    for (;;) {
      const start = yield headerSize
      const known = contentType === undefined ? [frame.head] : [frame.data, frame.final]
      const { type, length } = parseHeader(start, known, this.#limits)
      const payload = yield length
      hash.update(start).update(payload)
      const content = cipher.open(start, payload)
      if (contentType === undefined) {
        contentType = parseRequestHead(content)
      } else if (type === frame.data) {
        if (body.length + content.length > maxData) throw new EnvelopeError('too-large', `a body is longer than ${maxData} bytes`)
        body.append(content)
      } else {
        if (content.length > 0) throw new EnvelopeError('malformed', "a request's FINAL has content")
        return { contentType, body: body.bytes }
      }
    }
  }
}

interface Wrap {
  readonly kid: Buffer
  readonly enc: Buffer
}

interface Start {
  readonly suite: Suite
  readonly context: RequestContext
  readonly wraps: readonly Wrap[]
  readonly contextDigest: Buffer
  readonly sealedDeks: Buffer
}

const sealedDekSize = dekSize + tagSize
const encSizes = [kemXWing, kemX25519].map(kem => kemSizes(kem).enc)

/** Everything before the frames; feeds it to `hash`. */
function* readStart(hash: Hash): Steps<Start> {
  const fixed = yield 8
  hash.update(fixed)
  const suite = fixed[4]
  const count = fixed.readUInt8(5)
  if (!fixed.subarray(0, 4).equals(magic)) throw new EnvelopeError('malformed', 'not an envelope of version 1')
  if (!isSuite(suite)) throw new EnvelopeError('malformed', 'the suite is unknown')
  if (count < 1 || count > maxWraps) throw new EnvelopeError('malformed', 'the number of wraps is out of range')

  const ctx = yield fixed.readUInt16BE(6)
  hash.update(ctx)
  const context = parseContext(ctx)

  const wraps: Wrap[] = []
  for (let i = 0; i < count; i++) wraps.push(yield* readWrap(hash, wraps))
  const contextDigest = hash.copy().digest()

  const sealedDeks = yield count * sealedDekSize
  hash.update(sealedDeks)
  return { suite, context, wraps, contextDigest, sealedDeks }
}

function* readWrap(hash: Hash, before: readonly Wrap[]): Steps<Wrap> {
  const start = yield 10
  const kid = start.subarray(0, 8)
  const size = start.readUInt16BE(8)
  // One KEM for all wraps: its size tells it, as a foreign kid does not.
  if (!encSizes.includes(size) || before.some(wrap => wrap.enc.length !== size))
    throw new EnvelopeError('malformed', 'the encapsulated key has the wrong size')
  if (before.some(wrap => wrap.kid.equals(kid))) throw new EnvelopeError('malformed', 'a kid stands twice')
  const enc = yield size
  hash.update(start).update(enc)
  return { kid, enc }
}

function* readAuth(payer: string, q: Buffer, limits: EnvelopeLimits): Steps<Buffer> {
  const { length } = parseHeader(yield headerSize, [frame.auth], limits)
  if (length !== 64) throw new EnvelopeError('malformed', 'a signature has 64 bytes')
  const signature = yield length
  if (!payerSigned(payer, q, signature)) throw new EnvelopeError('bad-auth', "the payer's signature is not good")
  return Buffer.from(signature)
}

function payerSigned(payer: string, q: Buffer, signature: Buffer): boolean {
  try {
    return verify(null, authBytes(q), ed25519PublicKey(fromBase64url(payer, 32)), signature)
  } catch {
    return false
  }
}
