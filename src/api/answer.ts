/**
 * Writing an answer to the caller. A stream is written as it comes; an answer in one piece is kept until it is whole and paid
 * for, so that a failure on the way can still be told with its own status.
 */
import type { AnswerSink } from './answer-sink.ts'
import type { ErrorObject } from './errors.ts'

export interface AnswerHead {
  readonly status: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
}

export interface AnswerShape {
  /** In one piece, as server-sent events, or as the bytes of one file. */
  readonly form: 'whole' | 'events' | 'bytes'
  /** How the last event begins. */
  readonly lastEvent: readonly string[]
}

export class Answer {
  readonly #sink: AnswerSink
  readonly #form: AnswerShape['form']
  readonly #lastEvent: readonly Buffer[]
  readonly #kept: Buffer[] = []
  #head: AnswerHead | undefined
  #ended = false

  constructor(sink: AnswerSink, { form, lastEvent }: AnswerShape) {
    this.#sink = sink
    this.#form = form
    this.#lastEvent = form === 'events' ? lastEvent.map(text => Buffer.from(text)) : []
  }

  /** Whether the caller went away before the answer was whole. */
  get gone(): boolean {
    return !this.#ended && this.#sink.gone
  }

  /** Whether bytes of an answer are on their way, so that neither another worker nor another status is possible. */
  get begun(): boolean {
    return this.#sink.begun
  }

  /** Calls `action` once if the caller goes away before the answer is whole. */
  onGone(action: () => void): void {
    this.#sink.onGone(() => {
      if (!this.#ended) action()
    })
  }

  /** Calls `action` each time the caller can take more after `write` said false. */
  onDrain(action: () => void): void {
    this.#sink.onDrain(action)
  }

  begin(head: AnswerHead): void {
    this.#head = head
    if (this.#form === 'whole') return
    this.#sink.head(head.status, {
      ...head.headers,
      'content-type': head.contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    this.#sink.flush()
  }

  /**
   * Takes bytes of the answer's body; false asks the sender to pause. The stream's last event is held until {@link finish}:
   * clients stop reading at it, and by then the charge and the receipt must be visible to them.
   */
  write(bytes: Uint8Array): boolean {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (this.#form === 'whole' || this.#kept.length > 0) {
      this.#kept.push(chunk)
      return true
    }
    if (this.gone) return true
    const held = this.#heldFrom(chunk)
    if (held < chunk.length) this.#kept.push(chunk.subarray(held))
    return held === 0 || this.#sink.write(chunk.subarray(0, held))
  }

  /** Ends the answer well: what was kept, then the end. */
  finish(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#form === 'whole' && this.#head) {
      this.#sink.head(this.#head.status, {
        ...this.#head.headers,
        'content-type': this.#head.contentType,
        'content-length': this.#kept.reduce((sum, { length }) => sum + length, 0),
        'cache-control': 'no-store',
      })
    }
    const last = this.#kept.pop()
    for (const chunk of this.#kept) this.#sink.write(chunk)
    this.#sink.end(last)
  }

  /** Ends what has begun so that no client takes it for whole: events with an error event and without their last one, a file by cutting the line. */
  fail(error: ErrorObject): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#form === 'bytes') this.#sink.cut()
    else this.#sink.end(Buffer.from(`event: error\ndata: ${JSON.stringify({ error })}\n\n`))
  }

  /** Where in `chunk` the last event begins; its length where it is not in there. Workers send it in a frame of its own, or behind others. */
  #heldFrom(chunk: Buffer): number {
    for (const beginning of this.#lastEvent) {
      if (chunk.subarray(0, beginning.length).equals(beginning)) return 0
      // Within an event a line feed is escaped: what stands at the beginning of a line is the event itself.
      const at = chunk.lastIndexOf(beginning)
      if (at > 0 && chunk[at - 1] === 0x0a) return at
    }
    return chunk.length
  }
}
