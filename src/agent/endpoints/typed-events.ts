/**
 * Streams whose events carry a `type` and end with one of their own, without `[DONE]`: `/v1/responses` and transcriptions.
 * Events pass word for word, but for the last one, whose usage is written here.
 */
import { costOf, type Finish, type Price, type Usage } from '../../envelope/index.ts'
import type { Body } from '../../openai/index.ts'
import { parseJson } from '../engine-json.ts'
import { AgentError } from '../errors.ts'
import type { SseEvent } from '../sse.ts'
import type { Tally } from '../tally.ts'
import { isRecord } from './body.ts'
import { garbage, type Observed, refuseError, textSize } from './choices.ts'
import type { EventReader } from './endpoint.ts'

/** What one kind of stream says by its types. */
export interface TypedForm {
  /** Types that end the stream well, with the finish each stands for. */
  readonly terminal: Readonly<Record<string, Exclude<Finish, 'error'>>>
  /** Types that report a failure. */
  readonly failed: readonly string[]
  /** The engine's claim, in a terminal event. */
  readonly usageOf: (event: Body) => unknown
  /** All text of the answer, where a terminal event repeats it. */
  readonly wholeOf?: (event: Body) => Observed
  /** A terminal event with the usage that is charged. */
  readonly withUsage: (event: Body, usage: Usage, cost: bigint) => Body
  /** The terminal event of a stream that the agent ends before the engine does. */
  readonly cutOff: (last: { readonly first: Body | undefined; readonly sequence: number }) => Body
}

export class TypedEvents implements EventReader {
  readonly kind = 'events'
  readonly #form: TypedForm
  readonly #tally: Tally
  readonly #price: Price
  #first: Body | undefined
  #sequence = -1
  #last: { event: Body; finish: Exclude<Finish, 'error'> } | undefined

  constructor(o: { form: TypedForm; tally: Tally; price: Price }) {
    this.#form = o.form
    this.#tally = o.tally
    this.#price = o.price
  }

  get done(): boolean {
    return this.#last !== undefined
  }

  get finish(): Exclude<Finish, 'error'> {
    return this.#last?.finish ?? 'stop'
  }

  accept(event: SseEvent): string {
    if (event.data === '[DONE]') throw new AgentError('engine-cut', 'the engine ended its answer without its last event')
    const value = parseJson(event.data)
    if (!isRecord(value) || typeof value.type !== 'string') throw garbage('an event without a type')
    refuseError(value)
    const { type } = value
    if (event.event === 'error' || type === 'error' || this.#form.failed.includes(type))
      throw new AgentError('engine-refused', 'the engine reported an error in its answer', { status: 500 })
    this.#first ??= value
    if (Number.isSafeInteger(value.sequence_number)) this.#sequence = value.sequence_number as number
    const finish = Object.hasOwn(this.#form.terminal, type) ? this.#form.terminal[type] : undefined
    if (finish) {
      if (this.#form.wholeOf) this.#tally.sawWhole(this.#form.wholeOf(value))
      this.#tally.claimed(this.#form.usageOf(value), false)
      this.#last = { event: value, finish }
      return ''
    }
    if (type.endsWith('.delta')) this.#count(type, value.delta)
    return typed(type, event.data.includes('\n') ? JSON.stringify(value) : event.data)
  }

  ending(usage: Usage): string {
    return this.#written(this.#last!.event, usage)
  }

  cutOff(usage: Usage): string {
    return this.#written(this.#form.cutOff({ first: this.#first, sequence: this.#sequence + 1 }), usage)
  }

  #written(event: Body, usage: Usage): string {
    const whole = this.#form.withUsage(event, usage, costOf(usage, this.#price))
    return typed(String(event.type), JSON.stringify(whole))
  }

  #count(type: string, delta: unknown): void {
    const bytes = textSize(delta)
    const isReasoning = type.includes('reasoning')
    this.#tally.sawPiece({ completionBytes: isReasoning ? 0 : bytes, reasoningBytes: isReasoning ? bytes : 0 })
  }
}

function typed(type: string, data: string): string {
  return `event: ${type.replace(/[\r\n]/g, '')}\ndata: ${data}\n\n`
}
