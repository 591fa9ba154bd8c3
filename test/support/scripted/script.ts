/** What a scripted engine says, before any mode spoils it: one script for each question. */

export type Body = Readonly<Record<string, unknown>>

/** Counts as an engine claims them; each endpoint has its own spelling. */
export interface Counts {
  readonly prompt: number
  readonly cached: number
  readonly completion: number
}

export interface Call {
  readonly id: string
  readonly name: string
  /** JSON, in the pieces that a stream has it in. */
  readonly arguments: readonly string[]
}

/** What an answer says: text piece by piece, or calls of functions. */
export interface Saying {
  readonly pieces: readonly string[]
  readonly calls: readonly Call[]
}

/** Everything a script is made from. */
export interface Means {
  readonly body: Body
  readonly says: Saying
  /** The engine's claim after `completion` tokens; undefined where it makes none. */
  readonly claim: (completion: number) => Counts | undefined
  /** Whether `continuous_usage_stats` is honoured. */
  readonly continuous: boolean
  /** What a recording lasts, by the engine's account. */
  readonly seconds: number | undefined
  /** Results beyond those that were asked for. */
  readonly surplus: number
  /** What the engine got, for an answer that has no text to say it in. */
  readonly echo: object | undefined
}

/** An answer in one piece. */
export interface WholeScript {
  readonly kind: 'whole'
  readonly contentType: string
  readonly text: string
}

/** A stream of events, each part with the blank line that ends it. */
export interface EventScript {
  readonly kind: 'events'
  readonly opening: string
  /** What brings the `count`th token, from 1, and beyond {@link length} again from the start. */
  piece(count: number): string
  readonly length: number
  readonly closing: string
  /** The last word: `[DONE]`, or the event that stands for it. */
  readonly last: string
  readonly error: string
}

/** Bytes that mean nothing to whoever carries them. */
export interface RawScript {
  readonly kind: 'raw'
  readonly contentType: string
  readonly pieces: readonly string[]
}

export type Script = WholeScript | EventScript | RawScript

export const createdAt = 1_760_000_000

/** One event of a stream; `name` gives it an `event` line. */
export function event(value: object | string, name?: string): string {
  const data = `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
  return name === undefined ? data : `event: ${name}\n${data}`
}

export function whole(value: object): WholeScript {
  return { kind: 'whole', contentType: 'application/json', text: JSON.stringify(value) }
}

/** `usage` with prompt and completion tokens. */
export function tokenUsage(counts: Counts | undefined): { usage?: object } {
  if (!counts) return {}
  const details = counts.cached > 0 ? { prompt_tokens_details: { cached_tokens: counts.cached } } : {}
  const { prompt, completion } = counts
  return { usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, ...details } }
}

/** `usage` of an endpoint that only reads. */
export function promptUsage(counts: Counts | undefined): { usage?: object } {
  return counts ? { usage: { prompt_tokens: counts.prompt, total_tokens: counts.prompt } } : {}
}

export function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How many answers a body asks for. */
export function choicesOf({ n }: Body): number {
  return typeof n === 'number' ? n : 1
}
