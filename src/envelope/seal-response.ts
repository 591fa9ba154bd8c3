/**
 * Sealing an answer at the worker, frame by frame as it is made (spec, "Response"):
 *
 *     "CEP1" || kid 8 || rn 32
 *     HEAD DATA* FINAL RECEIPT   or   [HEAD DATA*] ERROR RECEIPT,   CHECKPOINTs between HEAD and FINAL or ERROR
 *
 * The sealer keeps the transcript, so that what it signs is what it has sent, and refuses calls that would break the order.
 */
import { createHash, randomBytes } from 'node:crypto'
import { concat, fromHex, toHex } from '../lib/bytes.ts'
import { EnvelopeError } from './errors.ts'
import { clearFrame, FrameCipher, frame, magic, maxPlaintext } from './frames.ts'
import { responseKeys } from './key-schedule.ts'
import { encodeResponseError, encodeResponseFinal, encodeResponseHead } from './messages.ts'
import type { OpenedRequest } from './open-request.ts'
import { cellBytes, cellSize, mostContent } from './padding.ts'
import { signStatement } from './receipt.ts'
import type { Finish, OpenAIErrorObject, Random, Usage } from './types.ts'
import { costOf, neverFalls, plainUsage } from './usage.ts'

export interface ResponseSealerOptions {
  readonly request: OpenedRequest
  /** Signs with the worker's receipt key: Ed25519, 64 bytes. */
  readonly receipt: { sign(bytes: Uint8Array): Uint8Array }
  /** The worker's id as its keyset has it. */
  readonly worker: string
  /** H of the keyset's bytes, hex. */
  readonly keyset: string
  /** When work began, and the clock that tells when it ended, milliseconds since the Unix epoch. */
  readonly started: number
  readonly now: () => number
  /** For test vectors only. */
  readonly random?: Random
}

type Stage = 'start' | 'preamble' | 'head' | 'last' | 'done'

const nothing: Usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }

/** Every method returns the bytes to send next, in the order of the calls. Throws `misuse` out of order, when counts fall, or when they cost more than `cap`. */
export class ResponseSealer {
  readonly #options: ResponseSealerOptions
  readonly #rn: Buffer
  readonly #cipher: FrameCipher
  readonly #cell: number | undefined
  readonly #mostData: number
  readonly #hash = createHash('sha256')
  #stage: Stage = 'start'
  #usage = nothing
  #finish: Finish = 'error'

  constructor(options: ResponseSealerOptions) {
    const { request, random = randomBytes } = options
    const { pad } = request.context
    this.#options = options
    this.#rn = random(32)
    this.#cipher = new FrameCipher(responseKeys(request.reply, request.requestDigest, this.#rn))
    this.#cell = cellSize(pad)
    // In steady mode every DATA is one cell; the cadence is the caller's.
    this.#mostData = (pad === 'steady' ? cellBytes(pad) : undefined) ?? mostContent(maxPlaintext, this.#cell)
  }

  /** The first bytes of every answer. */
  preamble(): Buffer {
    this.#step(['start'], 'preamble')
    return this.#emit(concat(magic, fromHex(this.#options.request.kid, 8), this.#rn))
  }

  /** HEAD. `status` is 2xx: anything else is an ERROR. */
  head(status: number, contentType: string): Buffer {
    const content = encodeResponseHead({ status, contentType })
    this.#step(['preamble'], 'head')
    return this.#emit(this.#cipher.seal(frame.head, content, this.#cell))
  }

  /** DATA, split into as many frames as it takes. Without bytes: one frame of padding, or nothing where nothing is padded. */
  data(bytes: Uint8Array): Buffer {
    this.#step(['head'], 'head')
    if (bytes.length <= this.#mostData) {
      const padding = bytes.length === 0 && this.#cell === undefined
      return padding ? Buffer.alloc(0) : this.#emit(this.#cipher.seal(frame.data, bytes, this.#cell))
    }
    const frames: Buffer[] = []
    for (let at = 0; at < bytes.length; at += this.#mostData) {
      frames.push(this.#cipher.seal(frame.data, bytes.subarray(at, at + this.#mostData), this.#cell))
    }
    return this.#emit(concat(...frames))
  }

  /** CHECKPOINT: signs what was used so far, over what was sent so far. */
  checkpoint(usage: Usage): Buffer {
    this.#step(['head'], 'head')
    this.#count(usage)
    return this.#emit(clearFrame(frame.checkpoint, this.#sign(null)))
  }

  /** FINAL. */
  final(finish: Exclude<Finish, 'error'>, usage: Usage): Buffer {
    const content = encodeResponseFinal({ finish, usage })
    this.#expect(['head'])
    this.#count(usage)
    this.#stage = 'last'
    this.#finish = finish
    return this.#emit(this.#cipher.seal(frame.final, content, this.#cell))
  }

  /** ERROR, in place of HEAD or of FINAL. `status` is 4xx or 5xx. */
  error(status: number, error: OpenAIErrorObject, usage: Usage): Buffer {
    const content = encodeResponseError({ status, error, usage })
    this.#expect(['preamble', 'head'])
    this.#count(usage)
    this.#stage = 'last'
    return this.#emit(this.#cipher.seal(frame.error, content, this.#cell))
  }

  /** RECEIPT over what FINAL or ERROR said: the last bytes of the answer. */
  receipt(): Buffer {
    this.#step(['last'], 'done')
    return this.#emit(clearFrame(frame.receipt, this.#sign(this.#finish)))
  }

  #step(from: readonly Stage[], to: Stage): void {
    this.#expect(from)
    this.#stage = to
  }

  /** Before {@link #count}: a call that is refused leaves nothing behind that a later receipt would sign. */
  #expect(from: readonly Stage[]): void {
    if (!from.includes(this.#stage)) throw new EnvelopeError('misuse', `this frame cannot follow (${this.#stage})`)
  }

  #count(usage: Usage): void {
    const { price, cap } = this.#options.request.context
    if (costOf(usage, price) > BigInt(cap)) throw new EnvelopeError('misuse', 'the usage costs more than ctx.cap')
    if (!neverFalls(this.#usage, usage)) throw new EnvelopeError('misuse', 'usage falls')
    this.#usage = plainUsage(usage)
  }

  #sign(finish: Finish | null): Buffer {
    const { request, worker, keyset, started } = this.#options
    const { rid, model, weights, channel, price } = request.context
    return signStatement(
      {
        ...{ rid, worker, keyset, model, weights },
        ctx: toHex(request.contextDigest),
        request: toHex(request.requestDigest),
        transcript: toHex(this.#hash.copy().digest()),
        usage: this.#usage,
        cost: costOf(this.#usage, price).toString(),
        ...{ finish, channel, started },
        // A clock set back while we worked does not make the end come before the start.
        ended: Math.max(started, this.#options.now()),
      },
      this.#options.receipt,
    )
  }

  #emit(bytes: Buffer): Buffer {
    this.#hash.update(bytes)
    return bytes
  }
}
