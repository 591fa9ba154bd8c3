/**
 * Writing one sealed answer: frames in the order the envelope wants them, straight to the Node response, with its
 * back-pressure passed on, checkpoints when they are due, and the receipt as the last word. Whatever was passed on is in the
 * usage that gets signed.
 */
import type { ServerResponse } from 'node:http'
import type { Finish, ResponseSealer, Usage } from '../envelope/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import type { ErrorAnswer } from './errors.ts'

/** Spec, "Checkpoint": every 64 tokens or 2 s. */
const checkpointTokens = 64
const checkpointMs = 2_000
/** How long HTTP head and preamble wait for a first frame. */
const preambleMs = 50

export class SealedAnswer {
  readonly #response: ServerResponse
  readonly #sealer: ResponseSealer
  readonly #clock: Clock
  readonly #stallMs: number
  #preamble: Buffer | undefined
  #alone: Timer | undefined
  #headSent = false
  #ended = false
  #checkpointAt: number | undefined
  #checkpointTokens = 0

  /** `stallMs`: how long the reader may take to fetch the last bytes. */
  constructor(o: { response: ServerResponse; sealer: ResponseSealer; clock: Clock; stallMs: number }) {
    this.#response = o.response
    this.#sealer = o.sealer
    this.#clock = o.clock
    this.#stallMs = o.stallMs
    // A line that breaks under a write is heard of by `close`.
    o.response.on('error', () => {})
  }

  /**
   * Begins the envelope: from here on, everything is said in sealed frames. HTTP head and preamble go out with the first of
   * them, or alone where that takes its time: a write of its own would cost a quick answer a tenth of its work.
   */
  begin(): void {
    this.#response.writeHead(200, {
      'content-type': 'application/chrysalis-envelope',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    this.#preamble = this.#sealer.preamble()
    this.#alone = this.#clock.after(preambleMs, () => this.#sendPreamble())
  }

  /** Whether HEAD is out, so that the caller has a status. */
  get hasHead(): boolean {
    return this.#headSent
  }

  /** Whether FINAL or ERROR is out, or the caller has gone. */
  get over(): boolean {
    return this.#ended || this.gone
  }

  get gone(): boolean {
    return !this.#ended && (this.#response.destroyed || this.#response.socket?.destroyed === true)
  }

  /** Calls `action` once if the line is lost before the answer has ended. */
  onGone(action: () => void): void {
    this.#response.once('close', () => {
      if (!this.#ended) action()
    })
  }

  /** Calls `action` each time the reader can take more after `data` said false. */
  onDrain(action: () => void): void {
    this.#response.on('drain', action)
  }

  /** Holds small writes together until {@link release}, so that one piece of the engine becomes one write. */
  hold(): void {
    // The socket, not the response: a response that is ended while corked sends its last chunk before what it held.
    this.#response.socket?.cork()
  }

  release(): void {
    this.#response.socket?.uncork()
  }

  head(contentType: string): void {
    this.#headSent = true
    this.#write(this.#sealer.head(200, contentType))
  }

  /** False asks for a pause until the reader has caught up. */
  data(bytes: Buffer): boolean {
    return bytes.length === 0 ? !this.#response.writableNeedDrain : this.#write(this.#sealer.data(bytes))
  }

  /** Signs `usage` in a checkpoint if one is due: the first at once, then every 64 tokens or 2 s with something new in it. True where it did. */
  checkpoint(usage: Usage): boolean {
    const tokens = usage.prompt + usage.cached + usage.completion + usage.reasoning
    const now = this.#clock.now()
    if (this.#checkpointAt !== undefined) {
      const news = tokens - this.#checkpointTokens
      if (news <= 0 || (news < checkpointTokens && now - this.#checkpointAt < checkpointMs)) return false
    }
    this.#checkpointAt = now
    this.#checkpointTokens = tokens
    this.#write(this.#sealer.checkpoint(usage))
    return true
  }

  /** FINAL and RECEIPT. */
  finish(finish: Exclude<Finish, 'error'>, usage: Usage): void {
    this.#end(this.#sealer.final(finish, usage))
  }

  /** ERROR and RECEIPT. */
  fail(answer: ErrorAnswer, usage: Usage): void {
    this.#end(this.#sealer.error(answer.status, answer.error, usage))
  }

  /** Cuts the line, for a reader that does not read. */
  cut(): void {
    this.#response.destroy()
  }

  #end(last: Buffer): void {
    this.#ended = true
    this.#sendPreamble()
    this.#response.write(last)
    this.#response.end(this.#sealer.receipt())
    // Node sets its own time-out again once the last byte is gone.
    this.#response.setTimeout(this.#stallMs, () => this.#response.destroy())
  }

  #sendPreamble(): void {
    if (!this.#preamble) return
    this.#alone?.cancel()
    const bytes = this.#preamble
    this.#preamble = undefined
    if (!this.gone) this.#response.write(bytes)
  }

  #write(bytes: Buffer): boolean {
    this.#sendPreamble()
    return this.gone || this.#response.write(bytes)
  }
}
