/** Checks a stream of events as its bytes come: framing, each event's form, and what the events are to each other. */
import type { EventsForm } from '../../../src/openai/answers/index.ts'
import { errorBody } from '../../../src/openai/answers/index.ts'
import { AnswerViolation, mustBe } from './violation.ts'

type Json = Record<string, unknown>

export class EventChecker {
  readonly #form: EventsForm
  readonly #what: string
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #rest = ''
  #first: Json | undefined
  #sequence = -1
  #last: 'none' | 'event' | 'terminal' | 'error' | '[DONE]' = 'none'
  /** Finish reasons by choice. */
  readonly #finished = new Map<number, boolean>()
  #usageSeen = false
  /** Events that were checked, `[DONE]` among them. */
  events = 0

  constructor(form: EventsForm, what: string) {
    this.#form = form
    this.#what = what
  }

  /** Takes bytes of the body. Throws `AnswerViolation`. */
  push(bytes: Uint8Array): void {
    this.#take(this.#decode(bytes, true))
  }

  /** `whole`: the sender has ended the body itself, so nothing may be missing. */
  end(whole: boolean): void {
    if (!whole) return
    this.#take(this.#decode(new Uint8Array(), false))
    if (this.#rest !== '') throw this.#violation('the last event is not closed')
    const good = this.#form.ends === '[DONE]' ? this.#last === '[DONE]' : this.#last === 'terminal'
    if (!good && this.#last !== 'error') throw this.#violation(`the stream ends after ${this.#last}, without its last event`)
    for (const [index, finished] of this.#finished)
      if (!finished && this.#last !== 'error') throw this.#violation(`choice ${index} has no finish_reason`)
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.#decoder.decode(bytes, { stream })
    } catch {
      throw this.#violation('the stream is not UTF-8')
    }
  }

  #take(text: string): void {
    if (text.includes('\r')) throw this.#violation('a carriage return in the framing')
    const frames = (this.#rest + text).split('\n\n')
    this.#rest = frames.pop()!
    for (const frame of frames) this.#frame(frame)
  }

  #frame(frame: string): void {
    const lines = frame.split('\n')
    const fields = lines.filter(line => !line.startsWith(':'))
    if (fields.length === 0) return
    const data = fields.filter(line => line.startsWith('data: '))
    const names = fields.filter(line => line.startsWith('event: '))
    if (data.length !== 1 || names.length > 1 || data.length + names.length !== fields.length)
      throw this.#violation('an event that is not one data line with at most one name')
    if (this.#last === '[DONE]' || this.#last === 'error' || this.#last === 'terminal')
      throw this.#violation(`data after the ${this.#last === 'terminal' ? 'last event' : this.#last}`)
    this.events += 1
    this.#event(names[0]?.slice(7), data[0]!.slice(6))
  }

  #event(name: string | undefined, data: string): void {
    if (data === '[DONE]') {
      if (this.#form.ends !== '[DONE]') throw this.#violation('[DONE] where the stream ends by its last event')
      this.#last = '[DONE]'
      return
    }
    const value = this.#parse(data)
    if (Object.hasOwn(value, 'error') && value.error) {
      mustBe(errorBody, value, this.#at())
      this.#last = 'error'
      return
    }
    mustBe(this.#form.event, value, this.#at())
    if (this.#form.ends === '[DONE]') this.#chunk(value, name)
    else this.#typed(value, name)
  }

  #parse(data: string): Json {
    try {
      const value: unknown = JSON.parse(data)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
    } catch {
      // Told below.
    }
    throw this.#violation('data that is no JSON object')
  }

  /** What only holds between chunks: one id, one time, one model; one finish for each choice, and usage after all of them. */
  #chunk(value: Json, name: string | undefined): void {
    if (name !== undefined) throw this.#violation('a chunk with a name')
    this.#first ??= value
    for (const member of this.#form.shared)
      if (value[member] !== this.#first[member]) throw new AnswerViolation(this.#at(), member, 'is not what it was in the first chunk')
    if (this.#usageSeen) throw this.#violation('a chunk after the usage chunk')
    const choices = value.choices as { index: number; finish_reason: string | null }[]
    if (choices.length === 0 && value.usage) this.#usageSeen = true
    for (const { index, finish_reason } of choices) {
      if (this.#finished.get(index)) throw this.#violation(`choice ${index} goes on after its finish_reason`)
      this.#finished.set(index, finish_reason !== null)
    }
    this.#last = 'event'
  }

  #typed(value: Json, name: string | undefined): void {
    const type = String(value.type)
    if (name !== type) throw this.#violation(`an event named ${name} of type ${type}`)
    if (typeof value.sequence_number === 'number') {
      if (value.sequence_number <= this.#sequence) throw new AnswerViolation(this.#at(), 'sequence_number', 'does not grow')
      this.#sequence = value.sequence_number
    }
    this.#last = this.#form.ends.includes(type) ? 'terminal' : 'event'
  }

  #at(): string {
    return `${this.#what} event ${this.events}`
  }

  #violation(problem: string): AnswerViolation {
    return new AnswerViolation(this.#at(), '', problem)
  }
}
