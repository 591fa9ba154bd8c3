/**
 * One question to an engine and its answer, as a handler of `undici`'s dispatcher. It knows about time and sizes, and nothing
 * about what is said. The engine is never trusted to be polite: it may hang, close half-way, never end, or send anything at
 * all, and every such case ends in exactly one {@link AgentError}.
 */
import type { Dispatcher } from 'undici'
import type { Clock, Timer } from '../lib/clock.ts'
import { AgentError } from './errors.ts'

/** How long an engine may take, in milliseconds, and how much it may say, in bytes. */
export interface EngineLimits {
  readonly connectMs: number
  /** Until the response's head. Without streaming that is the whole generation. */
  readonly firstByteMs: number
  /** Between two pieces of an answer. Time in which we asked for a pause does not count. */
  readonly idleMs: number
  readonly totalMs: number
  readonly answerBytes: number
}

/** Receives one answer of the engine. After `end` or `fail` nothing follows; exactly one of them comes, unless the call was aborted. */
export interface EngineSink {
  /** The head of a 200 answer; the media type in lower case, without parameters. */
  head(contentType: string): void
  /** Returning false asks for a pause until {@link EngineCall.resume}. */
  data(chunk: Buffer): boolean
  end(): void
  fail(error: AgentError): void
}

export interface EngineCall {
  resume(): void
  /** Stops the engine by cutting the line. The sink hears nothing any more. Safe to repeat, and after the end. */
  abort(): void
  /**
   * The answer is whole. The sink hears nothing any more, and the engine has a moment to end by itself, so that the connection
   * can serve again; one that talks on or stays silent is cut.
   */
  release(): void
}

/** One for all: a stack trace for every answer that ends would cost more than the answer's bookkeeping. */
const notWanted = new Error('not wanted any more')

const maxErrorBytes = 64 * 1024
/** What an engine may still take and say after an answer is whole. */
const releaseMs = 250
const releaseBytes = 4_096

export class Exchange implements EngineCall, Dispatcher.DispatchHandler {
  readonly #sink: EngineSink
  readonly #clock: Clock
  readonly #limits: EngineLimits
  readonly #dispatch: (handler: Dispatcher.DispatchHandler) => void
  #controller: Dispatcher.DispatchController | undefined
  #silence: Timer | undefined
  #total: Timer | undefined
  #lastByteAt = 0
  #paused = false
  #again = true
  #done = false
  #released = false
  #status = 0
  #size = 0
  #errorBody: Buffer[] = []
  #gathered: Buffer[] = []

  /** `dispatch` sends the question; it is called once more where a kept connection turns out to be closed. */
  constructor(sink: EngineSink, clock: Clock, limits: EngineLimits, dispatch: (handler: Dispatcher.DispatchHandler) => void) {
    this.#sink = sink
    this.#clock = clock
    this.#limits = limits
    this.#dispatch = dispatch
  }

  /** Asks. */
  start(): void {
    this.#total = this.#clock.after(this.#limits.totalMs, () =>
      this.#fail(new AgentError('engine-timeout', 'the answer of the engine took too long')),
    )
    this.#silence = this.#clock.after(this.#limits.firstByteMs, () =>
      this.#fail(new AgentError('engine-timeout', 'the engine did not begin to answer')),
    )
    this.#dispatch(this)
  }

  resume(): void {
    if (this.#done || !this.#paused) return
    this.#paused = false
    this.#lastByteAt = this.#clock.now()
    this.#controller?.resume()
  }

  abort(): void {
    this.#close()
  }

  release(): void {
    if (this.#done || this.#released) return
    this.#released = true
    this.#size = 0
    this.#silence?.cancel()
    this.#total?.cancel()
    this.#total = this.#clock.after(releaseMs, () => this.#close())
    this.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#done) controller.abort(notWanted)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#done || status < 200) return
    this.#status = status
    this.#lastByteAt = this.#clock.now()
    this.#silence?.cancel()
    this.#watch(this.#limits.idleMs)
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      this.#fail(new AgentError('engine-garbage', 'the engine answered with a content encoding nobody asked for'))
      return
    }
    if (status === 200) this.#guard(() => this.#sink.head(mediaType(headers['content-type'])))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return
    this.#size += chunk.length
    if (this.#released) {
      if (this.#size > releaseBytes) this.#close()
      return
    }
    this.#lastByteAt = this.#clock.now()
    if (this.#status !== 200) {
      if (this.#size > maxErrorBytes) this.#refused()
      else this.#errorBody.push(chunk)
      return
    }
    if (this.#size > this.#limits.answerBytes) {
      this.#deliver()
      this.#fail(new AgentError('engine-garbage', `the answer of the engine is larger than ${this.#limits.answerBytes} bytes`))
      return
    }
    if (this.#gathered.push(chunk) === 1) queueMicrotask(() => this.#deliver())
  }

  /**
   * Passes on what has come in one read as one piece, however many the engine made of it: a frame for each of thousands would
   * keep the loop from hearing that the caller has gone. Nothing waits for it, because a microtask runs before the next read.
   */
  #deliver(): void {
    const pieces = this.#gathered
    this.#gathered = []
    if (pieces.length === 0 || this.#done || this.#released) return
    this.#guard(() => {
      if (this.#sink.data(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)) || this.#done) return
      this.#paused = true
      this.#controller?.pause()
    })
  }

  onResponseEnd(): void {
    this.#deliver()
    if (this.#done) return
    if (!this.#released) {
      if (this.#status !== 200) this.#refused()
      else this.#guard(() => this.#sink.end())
    }
    this.#settle()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#deliver()
    if (this.#done) return
    if (this.#released) {
      this.#settle()
      return
    }
    if (this.#again && this.#status === 0 && isClosedSocket(error)) {
      // A kept connection that the engine closed just now: no byte of an answer has come, so the question is asked once more.
      this.#again = false
      this.#dispatch(this)
      return
    }
    this.#fail(asAgentError(error, this.#status !== 0))
  }

  /** Whatever the sink throws about what it was given is the engine's fault. */
  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#fail(asAgentError(error, true))
    }
  }

  #watch(waitMs: number): void {
    this.#silence = this.#clock.after(waitMs, () => {
      const silentMs = this.#paused ? 0 : this.#clock.now() - this.#lastByteAt
      if (silentMs >= this.#limits.idleMs) this.#fail(new AgentError('engine-timeout', 'the engine fell silent in the middle of an answer'))
      else this.#watch(this.#limits.idleMs - silentMs)
    })
  }

  #refused(): void {
    const status = this.#status
    this.#fail(new AgentError('engine-refused', `the engine answered ${status}`, { status, body: Buffer.concat(this.#errorBody) }))
  }

  #fail(error: AgentError): void {
    if (this.#done) return
    this.#close()
    this.#sink.fail(error)
  }

  /** Ends it and cuts the line. */
  #close(): void {
    if (this.#done) return
    this.#settle()
    this.#controller?.abort(notWanted)
  }

  /** Ends it. */
  #settle(): void {
    this.#done = true
    this.#silence?.cancel()
    this.#total?.cancel()
  }
}

function mediaType(header: string | string[] | undefined): string {
  const text = Array.isArray(header) ? (header[0] ?? '') : (header ?? '')
  return text.split(';', 1)[0]!.trim().toLowerCase()
}

function isClosedSocket(error: Error): boolean {
  return 'code' in error && (error.code === 'UND_ERR_SOCKET' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

/** What went wrong on the way, in our words; `begun` where some of an answer had come. */
export function asAgentError(cause: unknown, begun: boolean): AgentError {
  if (cause instanceof AgentError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (/TIMEOUT/.test(code)) return new AgentError('engine-timeout', 'the engine did not answer in time', { cause })
  if (cause instanceof Error && cause.name === 'HTTPParserError')
    return new AgentError('engine-garbage', 'the engine does not speak HTTP', { cause })
  return begun
    ? new AgentError('engine-cut', 'the engine closed in the middle of an answer', { cause })
    : new AgentError('engine-unreachable', 'the engine cannot be reached', { cause })
}
