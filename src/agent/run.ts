/**
 * One opened request from its first check to its receipt. Events come from three sides (the engine, the reader, whoever
 * cancels) and end in exactly one way: FINAL, ERROR, or a lost line; the engine is stopped in every case but a proper end.
 */
import type { KeysetModel } from '../attestation/index.ts'
import { type Finish, finishOf, type OpenedRequest, type Usage } from '../envelope/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { chatPath, checkedModel, promptBound } from './admission.ts'
import { Budget } from './budget.ts'
import { finishJson } from './chat-json.ts'
import { type ChatRequest, engineBody, parseChatRequest } from './chat-request.ts'
import { ChatStream } from './chat-stream.ts'
import type { EngineCall, EngineClient, EngineSink } from './engine-client.ts'
import { errorAnswer } from './error-answer.ts'
import { AgentError, refusal } from './errors.ts'
import type { SealedAnswer } from './sealed-answer.ts'
import { SseParser } from './sse.ts'
import { Tally } from './tally.ts'

const nothing: Usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }

export interface RunOptions {
  readonly request: OpenedRequest
  readonly answer: SealedAnswer
  readonly engine: EngineClient
  /** The model as the engine has it now; undefined where the caller's keyset or the engine does not have it. */
  readonly model: KeysetModel | undefined
  readonly clock: Clock
  readonly limits: {
    /** Longest event of a stream, bytes. */
    readonly eventBytes: number
    /** How long a reader may take nothing before the line is cut. */
    readonly stallMs: number
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
  #chat!: ChatRequest
  #budget!: Budget
  #tally!: Tally
  #sse!: SseParser
  #stream!: ChatStream
  #json: Buffer[] = []
  /** The limit comes from the cap, not from the caller. */
  #limitedByCap = false

  constructor(options: RunOptions) {
    this.#options = options
    this.#answer = options.answer
    this.#startedAt = options.clock.now()
    this.outcome = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** Checks the request and asks the engine. Never throws: whatever is wrong is told in the answer. */
  start(): void {
    this.#answer.onGone(() => this.#lost('line-lost'))
    this.#answer.onDrain(() => this.#drained())
    try {
      const body = this.#prepare()
      this.#call = this.#options.engine.post(chatPath, body, this)
      if (this.#over) this.#call.abort()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Stops the engine and ends the answer with what was made, charged. Safe to repeat. */
  cancel(): void {
    if (this.#over) return
    const usage = this.#answer.hasHead ? this.#usage() : nothing
    if (!this.#answer.hasHead) this.#answer.head(this.#contentType())
    this.#finish('cancelled', usage)
  }

  /** Ends the answer because the worker goes down. */
  shutDown(): void {
    this.#fail(refusal(503, 'shutting_down', 'The worker is shutting down.'))
  }

  /** Spec, "Before the engine runs". FINAL and AUTH stand; what the cap pays for is settled here. */
  #prepare(): Buffer {
    const { context, body, contentType } = this.#options.request
    const model = checkedModel(context, contentType, this.#options.model)
    this.#chat = parseChatRequest(body, context)
    this.#budget = new Budget(context.cap, context.price)
    const promptMost = promptBound(body.length, model.context_length)
    const sure = this.#budget.roomAfterPrompt(promptMost)
    if (sure < 1) throw refusal(402, 'cap_too_small', 'The cap of this request does not pay for its prompt and a first token.')
    const { choices, maxTokens } = this.#chat
    const perChoice = Math.min(maxTokens ?? Number.POSITIVE_INFINITY, model.context_length)
    this.#tally = new Tally({ promptMost, completionMost: perChoice * choices, choices })
    this.#sse = new SseParser(this.#options.limits.eventBytes)
    this.#stream = new ChatStream({ request: this.#chat, tally: this.#tally, price: context.price })
    return engineBody(this.#chat, this.#limitPerChoice(perChoice, sure, promptMost + perChoice > model.context_length))
  }

  /**
   * The limit that goes to the engine in place of the caller's, where the cap pays for less. A stream is counted as it
   * comes, so that it may begin with the smallest prompt; an answer in one piece has to be bounded for the largest.
   */
  #limitPerChoice(asked: number, sure: number, fillsContext: boolean): number | undefined {
    const { choices, stream, maxTokens } = this.#chat
    const paid = Math.floor((stream ? this.#budget.roomAfterPrompt(1) : sure) / choices)
    if (paid >= asked) return undefined
    if (paid < 1) throw refusal(402, 'cap_too_small', 'The cap of this request does not pay for a first token of every choice.')
    this.#limitedByCap = true
    // Engines refuse a limit that passes the end of the context. Where the caller set none, the count alone has to do.
    return maxTokens === undefined && fillsContext ? undefined : paid
  }

  // What the engine says.

  head(contentType: string): void {
    if (contentType !== (this.#chat.stream ? 'text/event-stream' : 'application/json'))
      throw new AgentError('engine-garbage', 'the engine answered in another media type')
  }

  data(chunk: Buffer): boolean {
    if (this.#over) return true
    if (!this.#chat.stream) {
      this.#json.push(chunk)
      return true
    }
    this.#answer.hold()
    try {
      return this.#streamed(chunk)
    } finally {
      this.#answer.release()
    }
  }

  end(): void {
    if (this.#over) return
    if (this.#chat.stream) throw new AgentError('engine-cut', 'the engine ended its answer without [DONE]')
    const { context } = this.#options.request
    const whole = finishJson({ bytes: Buffer.concat(this.#json), tally: this.#tally, budget: this.#budget, price: context.price })
    this.#begin()
    this.#answer.data(whole.body)
    this.#finish(whole.finishReason === 'length' && this.#limitedByCap ? 'budget' : finishOf(whole.finishReason), whole.usage)
  }

  fail(error: AgentError): void {
    this.#fail(error)
  }

  #streamed(chunk: Buffer): boolean {
    let text = ''
    let failure: unknown
    let isCutOff = false
    try {
      for (const event of this.#sse.push(chunk)) {
        text += this.#stream.accept(event)
        if (this.#stream.done) break
        isCutOff = this.#isSpent()
        if (isCutOff) break
      }
    } catch (error) {
      // What came before it in the same piece is passed on and charged.
      failure = error
    }
    const flowing = text === '' || this.#forward(text)
    if (failure !== undefined) this.#fail(failure)
    else if (this.#stream.done) this.#finishStream()
    else if (isCutOff) this.#cutOff()
    else if (!flowing) this.#pause()
    return flowing || this.#over
  }

  #forward(text: string): boolean {
    this.#begin()
    const flowing = this.#answer.data(Buffer.from(text, 'utf8'))
    const usage = this.#usage()
    if (this.#answer.checkpoint(usage)) this.#tally.signed(usage)
    return flowing
  }

  #begin(): void {
    this.#firstByteAt ??= this.#options.clock.now()
    if (!this.#answer.hasHead) this.#answer.head(this.#contentType())
  }

  /** Whether another token could pass the cap, or has passed what was asked for. */
  #isSpent(): boolean {
    return this.#tally.isOverAsked || this.#budget.room(this.#tally.usage()) < 1
  }

  #cutOff(): void {
    const usage = this.#usage()
    this.#begin()
    this.#answer.data(Buffer.from(this.#stream.cutOff(usage), 'utf8'))
    this.#finish(this.#tally.isOverAsked ? 'length' : 'budget', usage)
  }

  #finishStream(): void {
    const usage = this.#usage()
    const finish = this.#stream.finish
    this.#call?.release()
    this.#call = undefined
    this.#begin()
    this.#answer.data(Buffer.from(this.#stream.ending(usage), 'utf8'))
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

  #contentType(): string {
    return this.#chat.stream ? 'text/event-stream; charset=utf-8' : 'application/json'
  }

  #finish(finish: Exclude<Finish, 'error'>, usage: Usage): void {
    if (!this.#close()) return
    this.#end({ finish, status: 200, usage, cause: undefined }, () => this.#answer.finish(finish, usage))
  }

  #fail(error: unknown): void {
    if (!this.#close()) return
    const answer = errorAnswer(error)
    // Nothing was passed on before HEAD, and what was never passed on is never charged.
    const usage = this.#answer.hasHead ? this.#usage() : nothing
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
    this.#conclude({ finish: 'lost', status: 0, usage: this.#answer.hasHead ? this.#usage() : nothing, cause })
  }

  #close(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#call?.abort()
    this.#stall?.cancel()
    this.#json = []
    return true
  }

  #conclude(end: Omit<RunOutcome, 'firstByteMs'>): void {
    this.#settle({ ...end, firstByteMs: this.#firstByteAt === undefined ? undefined : this.#firstByteAt - this.#startedAt })
  }
}
