/**
 * Where log lines go: gathered in memory, written in the background, and finished when the process exits. A log must never
 * decide whether a service lives: a reader that is gone ends the log and nothing else, one that is slow costs lines and no
 * waiting. (The writer that comes with pino tries forever at exit, so that a role whose parent died never ended.)
 */
import { write, writeSync } from 'node:fs'

/** Lines that a slow reader may leave waiting, in characters; what comes on top is dropped and counted. */
const mostWaiting = 4 * 1024 * 1024
/** So much is written at once without waiting for the next {@link LogWriter.flush}. */
const fullBatch = 4_096
const busyMs = 10
/** How long an exit may wait for a reader that takes nothing just now. */
const exitPatienceMs = 500

export class LogWriter {
  readonly #fd: number
  #waiting = ''
  #dropped = 0
  #writing = false
  #gone = false
  /** What a busy reader did not take yet, while nothing is being written. */
  #held: Buffer | undefined

  constructor(fd: number) {
    this.#fd = fd
    process.once('exit', () => this.#finish())
  }

  /** Takes a line, with its line feed. Never throws, never waits. */
  write(line: string): void {
    if (this.#gone) return
    if (this.#waiting.length + line.length > mostWaiting) this.#dropped++
    else this.#waiting += line
    if (this.#waiting.length >= fullBatch) this.flush()
  }

  /** Begins to write what has gathered. */
  flush(): void {
    if (this.#writing || this.#waiting === '' || this.#gone) return
    this.#writing = true
    this.#put(Buffer.from(this.#take()))
  }

  #put(batch: Buffer): void {
    this.#held = undefined
    write(this.#fd, batch, (error, written) => {
      if (error && !isBusy(error)) this.#gone = true
      else if (error) this.#putLater(batch)
      else if (written < batch.length) this.#put(batch.subarray(written))
      else {
        this.#writing = false
        if (this.#waiting.length >= fullBatch) this.flush()
      }
    })
  }

  #putLater(batch: Buffer): void {
    this.#held = batch
    setTimeout(() => this.#put(batch), busyMs).unref()
  }

  /** What waits, and how much was dropped before it was taken. */
  #take(): string {
    const dropped = this.#dropped > 0 ? `${JSON.stringify({ level: 40, msg: 'log lines were dropped', count: this.#dropped })}\n` : ''
    const text = this.#waiting + dropped
    this.#waiting = ''
    this.#dropped = 0
    return text
  }

  /** There is no event loop any more: the rest is written here and now, or not at all. */
  #finish(): void {
    if (this.#gone) return
    let rest = Buffer.concat([this.#held ?? Buffer.alloc(0), Buffer.from(this.#take())])
    const until = Date.now() + exitPatienceMs
    while (rest.length > 0 && Date.now() < until) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (error) {
        if (!isBusy(error)) return
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      }
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY')
}
