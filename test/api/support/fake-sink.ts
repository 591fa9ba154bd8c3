/** A caller's connection that a test reads, holds up and closes. */
import type { AnswerSink, OutgoingHeaders } from '../../../src/api/answer-sink.ts'

export class FakeSink implements AnswerSink {
  gone = false
  status: number | undefined
  headers: OutgoingHeaders = {}
  flushed = false
  text = ''
  ended: 'whole' | 'cut' | undefined
  /** Whether it takes what comes, or asks for a pause after each write. */
  slow = false
  readonly #gone: (() => void)[] = []
  readonly #drain: (() => void)[] = []

  get begun(): boolean {
    return this.status !== undefined
  }

  onGone(action: () => void): void {
    this.#gone.push(action)
  }

  onDrain(action: () => void): void {
    this.#drain.push(action)
  }

  head(status: number, headers: OutgoingHeaders): void {
    if (this.begun) throw new Error('a second head')
    this.status = status
    this.headers = headers
  }

  flush(): void {
    if (!this.begun) throw new Error('flushed before the head')
    this.flushed = true
  }

  write(chunk: Buffer): boolean {
    if (!this.begun || this.ended) throw new Error('a write out of turn')
    this.text += chunk.toString()
    return !this.slow
  }

  end(chunk?: Buffer): void {
    if (chunk) this.write(chunk)
    if (this.ended) throw new Error('a second end')
    this.ended = 'whole'
  }

  cut(): void {
    this.ended = 'cut'
  }

  /** The caller goes away. */
  leave(): void {
    this.gone = true
    for (const action of this.#gone) action()
  }

  /** The caller has read what was sent. */
  drain(): void {
    for (const action of this.#drain) action()
  }
}
