/**
 * An incremental reader of `text/event-stream` (WHATWG HTML §9.2) for bytes that nobody polite has to have sent: lines end
 * by LF, CR or CRLF, a chunk may be cut anywhere, comments and unknown fields are passed over, and no event grows without
 * bound. Left out: `id` and `retry`, which mean nothing to an answer that cannot be resumed.
 */
import { isUtf8 } from 'node:buffer'
import { AgentError } from './errors.ts'

const lf = 0x0a
const cr = 0x0d

export interface SseEvent {
  /** The `data` lines, joined by line feeds. */
  readonly data: string
  /** The `event` field, where there was one. */
  readonly event: string | undefined
}

export class SseParser {
  readonly #maxEventBytes: number
  /** The pieces of a line that has not ended yet. */
  #line: Buffer[] = []
  #data: string[] = []
  #event: string | undefined
  /** Bytes of the event that is being read. */
  #size = 0
  /** The last byte was a CR: an LF that follows belongs to it. */
  #afterCr = false
  #first = true

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes
  }

  /** Takes the next bytes and returns the events that became whole. Throws {@link AgentError} `engine-garbage` for an event that is too large or not UTF-8. */
  push(chunk: Buffer): SseEvent[] {
    const events: SseEvent[] = []
    let start = 0
    if (this.#afterCr && chunk[0] === lf) start = 1
    if (chunk.length > 0) this.#afterCr = false
    while (start < chunk.length) {
      const end = lineEnd(chunk, start)
      if (end < 0) {
        this.#keep(chunk.subarray(start))
        break
      }
      this.#keep(chunk.subarray(start, end))
      this.#endOfLine(events)
      start = end + 1
      if (chunk[end] === cr) {
        if (start === chunk.length) this.#afterCr = true
        else if (chunk[start] === lf) start += 1
      }
    }
    return events
  }

  /** Whether an event has begun and not ended: at the end of the stream it is lost, as the standard says. */
  get pending(): boolean {
    return this.#line.length > 0 || this.#data.length > 0
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return
    this.#size += piece.length
    if (this.#size > this.#maxEventBytes)
      throw new AgentError('engine-garbage', `an event of the engine is larger than ${this.#maxEventBytes} bytes`)
    this.#line.push(piece)
  }

  #endOfLine(events: SseEvent[]): void {
    const bytes = this.#line.length === 1 ? this.#line[0]! : Buffer.concat(this.#line)
    this.#line = []
    const isFirst = this.#first
    this.#first = false
    if (bytes.length === 0) {
      this.#endOfEvent(events)
      return
    }
    if (!isUtf8(bytes)) throw new AgentError('engine-garbage', 'an event of the engine is not UTF-8')
    let line = bytes.toString('utf8')
    if (isFirst && line.startsWith('\ufeff')) line = line.slice(1)
    this.#field(line)
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    if (colon === 0) {
      // A comment. It costs nothing of the event's size, or a long silence full of them would end in an error.
      if (this.#data.length === 0) this.#size = 0
      return
    }
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'data') this.#data.push(value)
    else if (name === 'event') this.#event = value
  }

  #endOfEvent(events: SseEvent[]): void {
    if (this.#data.length > 0) events.push({ data: this.#data.length === 1 ? this.#data[0]! : this.#data.join('\n'), event: this.#event })
    this.#data = []
    this.#event = undefined
    this.#size = 0
  }
}

/** Where the line that begins at `from` ends, or -1. Nearly all lines end by LF alone, so the search for a CR is kept within the line. */
function lineEnd(chunk: Buffer, from: number): number {
  const end = chunk.indexOf(lf, from)
  const within = chunk.subarray(from, end < 0 ? undefined : end).indexOf(cr)
  return within < 0 ? end : from + within
}
