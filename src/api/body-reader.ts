/**
 * Reading the body of a request: as it is or gzipped, never more than the limit (of what it unpacks to), never more of all
 * bodies together than the budget, never for longer than a body may take. What is refused by its declared length is refused
 * before a byte of it is read.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGunzip, type Gunzip } from 'node:zlib'
import { ByteBudget } from '../lib/byte-budget.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { GrowingBytes } from '../lib/growing-bytes.ts'
import { TurnShare } from '../lib/turn-share.ts'
import { ApiError } from './errors.ts'
import { RequestBody } from './request-body.ts'

export interface BodyLimits {
  /** Of one body, and of all that are held at once. */
  readonly bytes: number
  readonly togetherBytes: number
  /** From the headers to the last byte, and between two pieces. */
  readonly totalMs: number
  readonly silentMs: number
}

/** How long a caller who was refused may go on sending before the line is cut; closing on it at once would take the answer from it. */
const lingerMs = 1_000
const unpackedPiece = 64 * 1024
/** What is no longer is read without asking whose turn it is. */
const inOneTurn = 128 * 1024

export class BodyReader {
  readonly budget: ByteBudget
  readonly #turns = new TurnShare()
  readonly #limits: BodyLimits
  readonly #clock: Clock

  constructor({ limits, clock }: { limits: BodyLimits; clock: Clock }) {
    this.#limits = limits
    this.#clock = clock
    this.budget = new ByteBudget(limits.togetherBytes)
  }

  /**
   * Reads a body; whoever asked releases it. Rejects with `unsupported_media_type` for another content-encoding,
   * `request_too_large`, `overloaded` where the budget is full, `request_timeout`, or `invalid_request` for what is no gzip.
   */
  async read(incoming: IncomingMessage, outgoing: ServerResponse): Promise<RequestBody> {
    const body = new RequestBody(this.budget)
    try {
      const isGzip = parseEncoding(incoming.headers['content-encoding'])
      const declared = Number(incoming.headers['content-length'] ?? 0)
      if (declared > this.#limits.bytes) throw tooLarge(this.#limits.bytes)
      if (!isGzip && !body.cover(declared)) throw overloaded()
      if (incoming.headers.expect !== undefined) outgoing.writeContinue()
      const expected = isGzip ? undefined : declared
      const reading = { incoming, body, expected, limits: this.#limits, clock: this.#clock, turns: this.#turns }
      body.put(await new Reading(reading, isGzip).bytes)
      return body
    } catch (error) {
      body.release()
      this.#dismiss(incoming)
      throw error
    }
  }

  #dismiss(incoming: IncomingMessage): void {
    if (incoming.readableEnded || incoming.destroyed) return
    incoming.on('error', () => {}).resume()
    this.#clock.after(lingerMs, () => incoming.readableEnded || incoming.destroy())
  }
}

interface ReadingOptions {
  readonly incoming: IncomingMessage
  readonly body: RequestBody
  readonly expected: number | undefined
  readonly limits: BodyLimits
  readonly clock: Clock
  readonly turns: TurnShare
}

/** One body while it arrives. */
class Reading {
  readonly bytes: Promise<Buffer>
  readonly #options: ReadingOptions
  readonly #growing: GrowingBytes
  readonly #gunzip: Gunzip | undefined
  readonly #startedAt: number
  #settle!: { resolve(bytes: Buffer): void; reject(error: unknown): void }
  #lastAt: number
  #arrived = 0
  #timer: Timer | undefined

  constructor(options: ReadingOptions, isGzip: boolean) {
    const { incoming, limits, clock, expected } = options
    this.#options = options
    this.#growing = new GrowingBytes({ limit: limits.bytes, expected })
    this.#startedAt = clock.now()
    this.#lastAt = this.#startedAt
    this.bytes = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.#watch(Math.min(limits.totalMs, limits.silentMs))
    if (isGzip) this.#gunzip = this.#unpack()
    incoming.on('data', this.#data).on('end', this.#end).on('close', this.#gone).on('error', this.#gone)
  }

  readonly #data = (piece: Buffer): void => {
    this.#lastAt = this.#options.clock.now()
    this.#arrived += piece.length
    // Packed bytes count too: gzip can go on for ever and unpack to nothing.
    if (this.#arrived > this.#options.limits.bytes) this.#fail(tooLarge(this.#options.limits.bytes))
    else if (!this.#gunzip) this.#takeInTurn(piece)
    else if (!this.#gunzip.write(piece)) this.#options.incoming.pause()
  }

  readonly #end = (): void => {
    if (this.#gunzip) this.#gunzip.end()
    else this.#done()
  }

  readonly #gone = (): void => {
    if (!this.#options.incoming.readableEnded) this.#fail(new ApiError('invalid_request', 'The body was not sent to its end.'))
  }

  #unpack(): Gunzip {
    const gunzip = createGunzip({ chunkSize: unpackedPiece })
    return gunzip
      .on('data', (piece: Buffer) => this.#take(piece))
      .on('drain', () => this.#options.incoming.resume())
      .on('end', () => this.#done())
      .on('error', () => this.#fail(new ApiError('invalid_request', 'The body is not valid gzip, or ends too early.')))
  }

  /** Unpacking gives the loop its turns by itself; a plain body that is not small has to. */
  #takeInTurn(piece: Buffer): void {
    this.#take(piece)
    if (this.#arrived <= inOneTurn) return
    const { incoming, turns } = this.#options
    if (!turns.take(piece.length, () => incoming.resume())) incoming.pause()
  }

  #take(piece: Buffer): void {
    const { body, limits } = this.#options
    const size = this.#growing.length + piece.length
    if (size > limits.bytes) this.#fail(tooLarge(limits.bytes))
    else if (!body.cover(size)) this.#fail(overloaded())
    else this.#growing.append(piece)
  }

  #watch(waitMs: number): void {
    const { clock, limits } = this.#options
    this.#timer = clock.after(waitMs, () => {
      const now = clock.now()
      const left = Math.min(this.#startedAt + limits.totalMs, this.#lastAt + limits.silentMs) - now
      if (left > 0) this.#watch(left)
      else this.#fail(new ApiError('request_timeout', 'The body did not arrive in time.'))
    })
  }

  #done(): void {
    this.#stop()
    this.#settle.resolve(this.#growing.bytes)
  }

  #fail(error: ApiError): void {
    this.#stop()
    this.#settle.reject(error)
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#options.incoming.off('data', this.#data).off('end', this.#end).off('close', this.#gone).off('error', this.#gone)
    this.#gunzip?.removeAllListeners('data').destroy()
  }
}

/** Whether a body is gzipped. Throws `unsupported_media_type` for what cannot be unpacked here. */
function parseEncoding(header: string | undefined): boolean {
  const encoding = (header ?? 'identity').trim().toLowerCase()
  if (encoding === 'gzip' || encoding === 'x-gzip') return true
  if (encoding === 'identity') return false
  // RFC 9110 §15.5.16: the answer says what would have been taken.
  throw new ApiError('unsupported_media_type', 'Send the body as it is, or with content-encoding gzip.', {
    headers: { 'accept-encoding': 'gzip, identity' },
  })
}

function tooLarge(limit: number): ApiError {
  return new ApiError('request_too_large', `The body is larger than ${limit} bytes.`)
}

function overloaded(): ApiError {
  return new ApiError('overloaded', 'Too many large requests are being served. Try again in a moment.', {
    headers: { 'retry-after-ms': '1000' },
  })
}
