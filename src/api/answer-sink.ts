/** Where the bytes of an answer go: the connection of one caller, or a record that several callers follow. */
import type { ServerResponse } from 'node:http'

export interface AnswerSink {
  /** Whether nobody can take the answer any more. */
  readonly gone: boolean
  /** Whether the head is on its way, so that no other status is possible. */
  readonly begun: boolean
  /** Calls `action` once when nobody can take the answer any more; also where it has ended by then. */
  onGone(action: () => void): void
  /** Calls `action` each time more can be taken after `write` said false. */
  onDrain(action: () => void): void
  head(status: number, headers: OutgoingHeaders): void
  /** Sends what is written now, without waiting for more. */
  flush(): void
  /** Takes bytes of the body, which nobody may change afterwards; false asks for a pause. */
  write(chunk: Buffer): boolean
  end(chunk?: Buffer): void
  /** Ends so that nobody takes the answer for whole. */
  cut(): void
}

export type OutgoingHeaders = Readonly<Record<string, string | number>>

/** The connection of one caller. `own` gives the headers that belong to this caller alone, read when the head goes out; they win. */
export function responseSink(response: ServerResponse, own: () => OutgoingHeaders = () => ({})): AnswerSink {
  return {
    get gone() {
      return response.destroyed || response.socket?.destroyed === true
    },
    get begun() {
      return response.headersSent
    },
    onGone: action => void response.once('close', action),
    onDrain: action => void response.on('drain', action),
    head: (status, headers) => void response.writeHead(status, { ...headers, ...own() }),
    flush: () => response.flushHeaders(),
    write: chunk => response.write(chunk),
    end: chunk => void response.end(chunk),
    cut: () => void response.destroy(),
  }
}
