/**
 * One opened request from its first check to its receipt. Events come from three sides (the engine, the reader, whoever
 * cancels) and end in exactly one way: FINAL, ERROR, or a lost line; the engine is stopped in every case but a proper end.
 */
import { type Finish, finishOf, type OpenedRequest, type Usage } from '../envelope/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import type { Facts } from '../openai/index.ts'
import { Budget } from './budget.ts'
import { type AnswerReader, type Endpoint, endpoints } from './endpoints/index.ts'
import type { EngineCall, EngineClient, EngineSink } from './engine-client.ts'
import { errorAnswer } from './error-answer.ts'
import { AgentError, refusal } from './errors.ts'
import { comment, KeepAlive } from './keep-alive.ts'
import type { Prepared } from './prepare.ts'
import type { SealedAnswer } from './sealed-answer.ts'
import { SseParser } from './sse.ts'
import { Tally } from './tally.ts'

const nothing: Usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }

export interface RunOptions {
  readonly request: OpenedRequest
  readonly answer: SealedAnswer
  readonly engine: EngineClient
  /** Reads the body: see `prepare`. Throws or rejects with `AgentError`. */
  readonly prepare: () => Prepared | Promise<Prepared>
  readonly clock: Clock
  readonly limits: {
    /** Longest event of a stream, bytes. */
    readonly eventBytes: number
    /** How long a reader may take nothing before the line is cut. */
    readonly stallMs: number
    /** After how much silence of the engine a stream shows that it lives. */
    readonly keepAliveMs: number
  }
}

/** How a run ended, for logs and metrics: counts and codes only. */
export interface RunOutcome {
  readonly finish: Finish | 'lost'
  readonly status: number
  readonly usage: Usage
  /** The error's code, where there was one. */
  readonly cause: string | undefined
  /** Milliseconds until the first byte of the answer. */
  readonly firstByteMs: number | undefined
}

export class Run implements EngineSink {
  readonly outcome: Promise<RunOutcome>
  readonly #options: RunOptions
  readonly #answer: SealedAnswer
  readonly #startedAt: number
  #settle!: (outcome: RunOutcome) => void
  #over = false
  #call: EngineCall | undefined
  #stall: Timer | undefined
  #firstByteAt: number | undefined
  #endpoint!: Endpoint
  #facts!: Facts
  #reader!: AnswerReader
  #budget!: Budget
  #tally!: Tally
  #sse!: SseParser
  #kept: Buffer[] = []
  #engineType = ''
  readonly #keepAlive: KeepAlive
  /** Whether the caller has been sent anything of the engine's: a comment is none of it. */
  #hasPassedOn = false
  /** The limit comes from the cap, not from the caller. */
  #limitedByCap = false

  constructor(options: RunOptions) {
    this.#options = options
    this.#answer = options.answer
    this.#startedAt = options.clock.now()
    const { clock, limits } = options
    this.#keepAlive = new KeepAlive({ clock, afterMs: limits.keepAliveMs, say: () => this.#showLife() })
    this.outcome = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** Checks the request and asks the engine. Never throws: whatever is wrong is told in the answer. */
  start(): void {
    this.#answer.onGone(() => this.#lost('line-lost'))
    this.#answer.onDrain(() => this.#drained())
    try {
      const prepared = this.#options.prepare()
      if (prepared instanceof Promise)
        prepared.then(
          ready => this.#guard(() => this.#ask(ready)),
          error => this.#fail(error),
        )
      else this.#ask(prepared)
    } catch (error) {
      this.#fail(error)
    }
  }

  #ask({ facts, engineBody, promptMost, completionMost, limitedByCap }: Prepared): void {
    if (this.#over) return
    const { context } = this.#options.request
    this.#endpoint = endpoints.get(context.path)!
    this.#facts = facts
    this.#limitedByCap = limitedByCap
    this.#budget = new Budget(context.cap, context.price)
    this.#tally = new Tally({ promptMost, completionMost, choices: facts.generates?.choices ?? 0, units: facts.units })
    this.#sse = new SseParser(this.#options.limits.eventBytes)
    const { model, price } = context
    this.#reader = this.#endpoint.reader({ facts, model, tally: this.#tally, budget: this.#budget, price })
    this.#call = this.#options.engine.post(context.path, engineBody, this)
    if (this.#over) this.#call.abort()
  }

  /** Stops the engine and ends the answer with what was made, charged. Safe to repeat. */
  cancel(): void {
    if (this.#over) return
    const usage = this.#owed()
    if (!this.#answer.hasHead) this.#answer.head(this.#facts ? this.#contentType() : 'application/json')
    this.#finish('cancelled', usage)
  }

  /** Ends the answer because the worker goes down. */
  shutDown(): void {
    this.#fail(refusal(503, 'shutting_down', 'The worker is shutting down.'))
  }

  // What the engine says.

  head(contentType: string): void {
    if (!this.#endpoint.accepts(contentType, this.#facts))
      throw new AgentError('engine-garbage', 'the engine answered in another media type')
    this.#engineType = contentType
    if (this.#reader.kind === 'events') this.#keepAlive.restart()
  }

  data(chunk: Buffer): boolean {
    if (this.#over) return true
    if (this.#reader.kind === 'whole') {
      this.#kept.push(chunk)
      return true
    }
    this.#answer.hold()
    try {
      return this.#reader.kind === 'raw' ? this.#passed(chunk) : this.#streamed(chunk, this.#reader)
    } finally {
      this.#answer.release()
    }
  }

  end(): void {
    if (this.#over) return
    if (this.#reader.kind === 'events') throw new AgentError('engine-cut', 'the engine ended its answer before its end')
    if (this.#reader.kind === 'raw') {
      if (!this.#answer.hasHead) throw new AgentError('engine-garbage', 'the engine sent an empty answer')
      this.#finish('stop', this.#usage())
      return
    }
    const whole = this.#reader.finish(Buffer.concat(this.#kept), this.#engineType)
    this.#begin()
    this.#answer.data(whole.body)
    const byCap = whole.finishReason === 'length' && this.#limitedByCap
    this.#finish(byCap ? 'budget' : finishOf(whole.finishReason), whole.usage)
  }

  fail(error: AgentError): void {
    this.#fail(error)
  }

  /** Bytes that pass unread: all that was asked for is owed once the first of them is on its way. */
  #passed(chunk: Buffer): boolean {
    for (const [unit, count] of Object.entries(this.#facts.units)) this.#tally.sold(unit as keyof Facts['units'], count)
    this.#begin()
    this.#hasPassedOn = true
    const flowing = this.#answer.data(chunk)
    if (!flowing) this.#pause()
    return flowing
  }

  #streamed(chunk: Buffer, reader: Extract<AnswerReader, { kind: 'events' }>): boolean {
    let text = ''
    let failure: unknown
    let isCutOff = false
    try {
      for (const event of this.#sse.push(chunk)) {
        text += reader.accept(event)
        if (reader.done) break
        isCutOff = this.#isSpent()
        if (isCutOff) break
      }
    } catch (error) {
      // What came before it in the same piece is passed on and charged.
      failure = error
    }
    const flowing = text === '' || this.#forward(text)
    if (failure !== undefined) this.#fail(failure)
    else if (reader.done) this.#finishStream(reader)
    else if (isCutOff) this.#cutOff(reader)
    else if (!flowing) this.#pause()
    return flowing || this.#over
  }

  #forward(text: string): boolean {
    this.#begin()
    this.#hasPassedOn = true
    this.#keepAlive.restart()
    const flowing = this.#answer.data(Buffer.from(text, 'utf8'))
    const usage = this.#usage()
    if (this.#answer.checkpoint(usage)) this.#tally.signed(usage)
    return flowing
  }

  #begin(): void {
    this.#firstByteAt ??= this.#options.clock.now()
    if (!this.#answer.hasHead) this.#answer.head(this.#contentType())
  }

  /** Says nothing to a reader that takes nothing. */
  #showLife(): void {
    if (this.#stall !== undefined) return
    this.#begin()
    this.#answer.data(comment)
  }

  /** Whether another token could pass the cap, or has passed what was asked for. */
  #isSpent(): boolean {
    return this.#facts.generates !== undefined && (this.#tally.isOverAsked || this.#budget.room(this.#tally.usage()) < 1)
  }

  #cutOff(reader: Extract<AnswerReader, { kind: 'events' }>): void {
    const usage = this.#usage()
    this.#begin()
    this.#answer.data(Buffer.from(reader.cutOff(usage), 'utf8'))
    this.#finish(this.#tally.isOverAsked ? 'length' : 'budget', usage)
  }

  #finishStream(reader: Extract<AnswerReader, { kind: 'events' }>): void {
    const usage = this.#usage()
    const { finish } = reader
    this.#call?.release()
    this.#call = undefined
    this.#begin()
    this.#answer.data(Buffer.from(reader.ending(usage), 'utf8'))
    this.#finish(finish === 'length' && this.#limitedByCap ? 'budget' : finish, usage)
  }

  // The reader.

  /** A slow reader slows the engine; one that reads nothing at all does not hold it for ever. */
  #pause(): void {
    this.#stall ??= this.#options.clock.after(this.#options.limits.stallMs, () => this.#answer.cut())
  }

  #drained(): void {
    this.#stall?.cancel()
    this.#stall = undefined
    this.#call?.resume()
  }

  // The ends.

  #usage(): Usage {
    return this.#budget.within(this.#tally.usage(), this.#tally.signedUsage)
  }

  /** For what was passed on: what never was, is never charged. */
  #owed(): Usage {
    return this.#hasPassedOn ? this.#usage() : nothing
  }

  #contentType(): string {
    return this.#endpoint.answersAs(this.#engineType, this.#facts)
  }

  #finish(finish: Exclude<Finish, 'error'>, usage: Usage): void {
    if (!this.#close()) return
    this.#end({ finish, status: 200, usage, cause: undefined }, () => this.#answer.finish(finish, usage))
  }

  #fail(error: unknown): void {
    if (!this.#close()) return
    const answer = errorAnswer(error)
    // A recording that broke off is of no use.
    const usage = this.#hasPassedOn && this.#reader.kind === 'raw' ? nothing : this.#owed()
    const cause = error instanceof AgentError ? error.code : 'internal'
    this.#end({ finish: 'error', status: answer.status, usage, cause }, () => this.#answer.fail(answer, usage))
  }

  /** Says the last words. Should even they be impossible, no half-signed answer stays on the line. */
  #end(outcome: Omit<RunOutcome, 'firstByteMs'>, say: () => void): void {
    try {
      say()
      this.#conclude(outcome)
    } catch {
      this.#answer.cut()
      this.#conclude({ ...outcome, finish: 'lost', cause: 'internal' })
    }
  }

  #lost(cause: string): void {
    if (!this.#close()) return
    this.#conclude({ finish: 'lost', status: 0, usage: this.#owed(), cause })
  }

  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#fail(error)
    }
  }

  #close(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#call?.abort()
    this.#stall?.cancel()
    this.#keepAlive.stop()
    this.#kept = []
    return true
  }

  #conclude(end: Omit<RunOutcome, 'firstByteMs'>): void {
    this.#settle({ ...end, firstByteMs: this.#firstByteAt === undefined ? undefined : this.#firstByteAt - this.#startedAt })
  }
}
