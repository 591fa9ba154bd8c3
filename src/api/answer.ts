/**
 * Writing an answer to the caller. A stream is written as it comes; a JSON answer is kept until it is whole and paid for,
 * so that a failure on the way can still be told with its own status.
 */
import type { ServerResponse } from 'node:http'
import type { ErrorObject } from './errors.ts'

const done = Buffer.from('data: [DONE]\n\n')

export interface AnswerHead {
  readonly status: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
}

export class Answer {
  readonly #response: ServerResponse
  readonly #stream: boolean
  readonly #kept: Buffer[] = []
  #head: AnswerHead | undefined
  #ended = false

  constructor(response: ServerResponse, stream: boolean) {
    this.#response = response
    this.#stream = stream
  }

  /** Whether the caller went away before the answer was whole. */
  get gone(): boolean {
    return !this.#ended && (this.#response.destroyed || this.#response.socket?.destroyed === true)
  }

  /** Whether bytes of an answer are on their way, so that neither another worker nor another status is possible. */
  get begun(): boolean {
    return this.#response.headersSent
  }

  /** Calls `action` once if the caller goes away before the answer is whole. */
  onGone(action: () => void): void {
    this.#response.once('close', () => {
      if (!this.#ended) action()
    })
  }

  /** Calls `action` each time the caller can take more after `write` said false. */
  onDrain(action: () => void): void {
    this.#response.on('drain', action)
  }

  begin(head: AnswerHead): void {
    this.#head = head
    if (!this.#stream) return
    this.#response.writeHead(head.status, {
      ...head.headers,
      'content-type': head.contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    this.#response.flushHeaders()
  }

  /**
   * Takes bytes of the answer's body; false asks the sender to pause. The stream's last event is held until {@link finish}:
   * clients stop reading at it, and by then the charge and the receipt must be visible to them.
   */
  write(bytes: Uint8Array): boolean {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!this.#stream) {
      this.#kept.push(chunk)
      return true
    }
    if (this.gone) return true
    const rest = chunk.subarray(-done.length).equals(done) ? chunk.subarray(0, -done.length) : chunk
    if (rest.length < chunk.length) this.#kept.push(done)
    return rest.length === 0 || this.#response.write(rest)
  }

  /** Ends the answer well: what was kept, then the end. */
  finish(): void {
    if (this.#ended) return
    this.#ended = true
    const body = Buffer.concat(this.#kept)
    if (!this.#stream && this.#head) {
      this.#response.writeHead(this.#head.status, {
        ...this.#head.headers,
        'content-type': this.#head.contentType,
        'content-length': body.length,
        'cache-control': 'no-store',
      })
    }
    this.#response.end(body)
  }

  /** Ends a stream that has begun with an error event and without `[DONE]`, so that no client takes it for whole. */
  fail(error: ErrorObject): void {
    if (this.#ended) return
    this.#ended = true
    this.#response.end(`data: ${JSON.stringify({ error })}\n\n`)
  }
}
