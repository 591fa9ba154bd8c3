/**
 * A stream of chunks with choices (chat, or text) on its way from the engine to the caller. Chunks pass word for word except for the
 * usage that the agent asked for and the caller did not; the usage chunk and `[DONE]` are written here, once, when the
 * engine has really finished.
 */
import { costOf, type Finish, finishOf, type Price, type Usage } from '../../envelope/index.ts'
import type { Facts } from '../../openai/index.ts'
import { parseJson } from '../engine-json.ts'
import { AgentError } from '../errors.ts'
import type { SseEvent } from '../sse.ts'
import type { Tally } from '../tally.ts'
import { isRecord } from './body.ts'
import { callerUsage } from './caller-usage.ts'
import { type Form, type Piece, readChunk } from './choices.ts'
import type { EventReader } from './endpoint.ts'

const done = 'data: [DONE]\n\n'
/** What OpenAI's form has in every chunk of one answer. */
const repeated = ['id', 'object', 'created', 'model', 'system_fingerprint', 'service_tier']

export class ChoiceStream implements EventReader {
  readonly kind = 'events'
  readonly #facts: Facts
  readonly #form: Form
  readonly #tally: Tally
  readonly #price: Price
  /** Finish reasons by choice; a choice that has begun and not finished stands with undefined. */
  readonly #finishReasons = new Map<number, string | undefined>()
  /** What all chunks of an answer repeat, for those that are made here. */
  #common: Record<string, unknown> | undefined
  /** The engine's own usage chunk. */
  #usageChunk: Readonly<Record<string, unknown>> | undefined
  #done = false

  constructor(o: { facts: Facts; form: Form; tally: Tally; price: Price }) {
    this.#facts = o.facts
    this.#form = o.form
    this.#tally = o.tally
    this.#price = o.price
  }

  /** Whether the engine has sent its `[DONE]`. Nothing after it is looked at. */
  get done(): boolean {
    return this.#done
  }

  /** Takes an event of the engine and returns the bytes to pass on, maybe none. Throws `AgentError` `engine-garbage` or `engine-refused`. */
  accept(event: SseEvent): string {
    if (event.data === '[DONE]') {
      this.#finished()
      return ''
    }
    const value = parseJson(event.data)
    if (event.event === 'error') throw new AgentError('engine-refused', 'the engine reported an error in its answer', { status: 500 })
    const piece = readChunk(value, this.#form, this.#choices)
    const isLast = piece.choices.length === 0
    for (const choice of piece.choices) {
      this.#tally.sawPiece(choice)
      this.#finishReasons.set(choice.index, choice.finishReason ?? this.#finishReasons.get(choice.index))
    }
    if (piece.usage !== undefined) this.#tally.claimed(piece.usage, !isLast && this.#choices > 1)
    this.#common ??= commonMembers(piece)
    if (isLast && isRecord(piece.usage)) {
      this.#usageChunk = piece.object
      return ''
    }
    return this.#forwarded(piece, event.data)
  }

  /** The finish that the engine gave. */
  get finish(): Exclude<Finish, 'error'> {
    return finishOf(this.#finishReasons.get(Math.min(...this.#finishReasons.keys())) ?? null)
  }

  /** What ends a stream: the usage chunk, where it was asked for, and `[DONE]`. */
  ending(usage: Usage): string {
    if (!this.#facts.asksUsage) return done
    const own = this.#usageChunk
    const chunk = { ...this.#common, ...own, choices: [], usage: callerUsage(usage, costOf(usage, this.#price), own?.usage) }
    return framed(JSON.stringify(chunk)) + done
  }

  /** What ends a stream that the agent cuts off: each choice that has not finished ends by `length`, as a caller knows it. */
  cutOff(usage: Usage): string {
    const open = Array.from({ length: this.#choices }, (_, index) => index).filter(index => this.#finishReasons.get(index) === undefined)
    const last = open.map(index => ({
      ...this.#common,
      choices: [{ index, ...(this.#form === 'chat' ? { delta: {} } : { text: '' }), logprobs: null, finish_reason: 'length' }],
      ...(this.#facts.asksUsage ? { usage: null } : {}),
    }))
    return last.map(chunk => framed(JSON.stringify(chunk))).join('') + this.ending(usage)
  }

  get #choices(): number {
    return this.#facts.generates?.choices ?? 1
  }

  #finished(): void {
    const reasons = [...this.#finishReasons.values()]
    if (reasons.length === 0 || reasons.some(reason => reason === undefined))
      throw new AgentError('engine-garbage', 'the engine ended its answer before every choice had finished')
    this.#done = true
  }

  #forwarded(piece: Piece, data: string): string {
    // JSON that stands in several `data` lines is written anew, on one.
    const isOneLine = !data.includes('\n')
    if (!('usage' in piece.object)) return framed(isOneLine ? data : JSON.stringify(piece.object))
    const { asksUsage, asksContinuousUsage } = this.#facts
    if (!asksContinuousUsage || !isRecord(piece.usage)) {
      const cut = isOneLine ? beforeLastUsage(data) : undefined
      if (cut !== undefined) return framed(asksUsage ? `${cut},"usage":null}` : `${cut}}`)
    }
    const { usage: _, ...rest } = piece.object
    return framed(JSON.stringify(asksUsage ? { ...rest, usage: this.#interimUsage(piece.usage) } : rest))
  }

  #interimUsage(engines: unknown): Record<string, unknown> | null {
    if (!this.#facts.asksContinuousUsage || !isRecord(engines)) return null
    const usage = this.#tally.usage()
    return callerUsage(usage, costOf(usage, this.#price), engines)
  }
}

/** One event on one line. */
export function framed(data: string): string {
  return `data: ${data}\n\n`
}

/**
 * `data`, a JSON object, up to its `usage` member where that is the last, as engines write it; undefined elsewhere. Within
 * a JSON string `,"usage":` cannot stand, since its quotes would be escaped, so that a match is a member; it is the object's
 * own, and its last, when what follows it closes exactly one object.
 */
function beforeLastUsage(data: string): string | undefined {
  const at = data.lastIndexOf(',"usage":')
  if (at < 0) return undefined
  try {
    const tail: unknown = JSON.parse(`{${data.slice(at + 1)}`)
    return isRecord(tail) && Object.keys(tail).length === 1 ? data.slice(0, at) : undefined
  } catch {
    return undefined
  }
}

function commonMembers({ object }: Piece): Record<string, unknown> {
  return Object.fromEntries(repeated.filter(member => member in object).map(member => [member, object[member]]))
}
