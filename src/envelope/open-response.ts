/** Opening an answer as its bytes arrive (layout: seal-response.ts; spec, "Response"). */
import { createHash } from 'node:crypto'
import { toHex } from '../lib/bytes.ts'
import { ByteParser, type Steps } from './byte-parser.ts'
import { EnvelopeError } from './errors.ts'
import { FrameCipher, type FrameHeader, frame, headerSize, isSealed, magic, parseHeader } from './frames.ts'
import { responseKeys } from './key-schedule.ts'
import { parseResponseError, parseResponseFinal, parseResponseHead } from './messages.ts'
import { maxStatement, unverifiedStatement } from './receipt.ts'
import type { SealedRequest } from './seal-request.ts'
import { defaultLimits, type EnvelopeLimits, type ResponseEvent, type Usage } from './types.ts'
import { neverFalls } from './usage.ts'

/** What may come next. */
const following = {
  start: [frame.head, frame.error],
  head: [frame.data, frame.checkpoint, frame.final, frame.error],
  last: [frame.receipt],
} as const

type Stage = keyof typeof following

/**
 * Reads one answer to a request. What was opened before a defect is handed over first: `push` returns those events, and the
 * defect is thrown by the next `push` or `end`, or at once when there are none. An answer is good only when `end` has
 * returned and the receipt was verified; signatures are checked by `verifyReceipt` and `verifyCheckpoint`, not here.
 */
export class ResponseOpener {
  readonly #request: SealedRequest
  readonly #limits: EnvelopeLimits
  readonly #parser: ByteParser<true>
  readonly #hash = createHash('sha256')
  #events: ResponseEvent[] = []
  #kid: string | undefined
  #stage: Stage = 'start'
  #usage: Usage | undefined
  #size = 0
  #failure: unknown

  constructor(request: SealedRequest, limits: EnvelopeLimits = defaultLimits) {
    this.#request = request
    this.#limits = limits
    this.#parser = new ByteParser(this.#steps())
  }

  /** Which wrap answered, hex, once the answer has begun. It is proved by the first frame that opens. */
  get kid(): string | undefined {
    return this.#kid
  }

  /** What failed and was not thrown yet, for a caller that stops reading at the first sign of it. */
  get failure(): unknown {
    return this.#failure
  }

  /** Feeds bytes as they arrive; the chunk is kept, not copied. Throws `malformed`, `does-not-open` or `too-large`. */
  push(chunk: Uint8Array): ResponseEvent[] {
    if (this.#failure) throw this.#failure
    try {
      this.#parser.push(chunk)
      if (this.#parser.surplus) throw new EnvelopeError('malformed', 'bytes follow the receipt')
    } catch (error) {
      this.#failure = error
      if (this.#events.length === 0) throw error
    }
    const events = this.#events
    this.#events = []
    return events
  }

  /** The bytes have ended. Throws `truncated`, or `receipt-missing` where FINAL or ERROR has opened and only RECEIPT is not there. */
  end(): void {
    if (this.#failure) throw this.#failure
    if (this.#parser.result) return
    this.#failure =
      this.#stage === 'last'
        ? new EnvelopeError('receipt-missing', 'the answer is whole but its receipt is missing')
        : new EnvelopeError('truncated', 'the answer ends too early')
    throw this.#failure
  }

  *#steps(): Steps<true> {
    const cipher = this.#begin(yield 44)
    for (;;) {
      const start = yield headerSize
      const header = parseHeader(start, following[this.#stage], this.#limits)
      if (!isSealed(header.type) && header.length > maxStatement)
        throw new EnvelopeError('malformed', 'a statement does not fill its frame')
      const payload = yield header.length
      if (isSealed(header.type)) this.#sealed(header, cipher.open(start, payload))
      else this.#clear(header, Buffer.from(payload))
      this.#hash.update(start).update(payload)
      if (header.type === frame.receipt) return true
    }
  }

  /** "CEP1" || kid 8 || rn 32 */
  #begin(preamble: Buffer): FrameCipher {
    if (!preamble.subarray(0, 4).equals(magic)) throw new EnvelopeError('malformed', 'not an envelope of version 1')
    const kid = toHex(preamble.subarray(4, 12))
    const reply = this.#request.reply(kid)
    if (!reply) throw new EnvelopeError('does-not-open', 'the answer is under a key the request was not sealed to')
    if (!this.#request.isWhole) throw new EnvelopeError('malformed', 'the answer begins before the request has ended')
    this.#kid = kid
    this.#hash.update(preamble)
    return new FrameCipher(responseKeys(reply, this.#request.requestDigest, preamble.subarray(12)))
  }

  #sealed({ type }: FrameHeader, content: Buffer): void {
    switch (type) {
      case frame.head:
        this.#events.push({ type: 'head', ...parseResponseHead(content) })
        this.#stage = 'head'
        return
      case frame.data:
        this.#size += content.length
        if (this.#size > this.#limits.maxData)
          throw new EnvelopeError('too-large', `an answer is longer than ${this.#limits.maxData} bytes`)
        if (content.length > 0) this.#events.push({ type: 'data', bytes: content })
        return
      case frame.final:
        this.#last({ type: 'final', ...parseResponseFinal(content) })
        return
      default:
        this.#last({ type: 'error', ...parseResponseError(content) })
    }
  }

  #last(event: Extract<ResponseEvent, { type: 'final' | 'error' }>): void {
    this.#count(event.usage)
    this.#events.push(event)
    this.#stage = 'last'
  }

  #clear({ type }: FrameHeader, payload: Buffer): void {
    const transcript = this.#hash.copy().digest()
    if (type === frame.receipt) {
      this.#events.push({ type: 'receipt', payload, transcript })
      return
    }
    const { usage, finish } = unverifiedStatement(payload)
    if (finish !== null) throw new EnvelopeError('malformed', 'a checkpoint has a finish', { member: 'finish' })
    this.#count(usage)
    this.#events.push({ type: 'checkpoint', payload, transcript })
  }

  #count(usage: Usage): void {
    if (this.#usage && !neverFalls(this.#usage, usage)) throw new EnvelopeError('malformed', 'usage falls', { member: 'usage' })
    this.#usage = usage
  }
}
