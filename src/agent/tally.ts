/**
 * How many tokens an answer has cost so far: what the engine claims, held between bounds that the agent can see for itself.
 *
 * - Prompt: at most one token per byte of the body, and no more than the context holds; at least one.
 * - Completion and reasoning: at most one token per byte of text that came, one per piece of a stream (a token may have no
 *   text), and a few per choice that are never shown (end of turn); at least one per piece that brought text, because an
 *   engine sends no less than a token. Reasoning that was not shown is not charged.
 * - A claim that is missing, negative or no number counts as no claim: pieces are counted. Where even these are missing (a
 *   JSON answer without usage) text counts {@link bytesPerToken} bytes to a token, which is on the payer's side for most text.
 * - Other units count what was sold, and no more than was asked for.
 * - No count ever falls: what a checkpoint has signed stands.
 */
import { type OtherUnit, otherUnits, type Usage } from '../envelope/index.ts'
import type { Observed } from './endpoints/choices.ts'

/** Tokens of a choice that an engine may count and never shows. */
const hiddenPerChoice = 8
const bytesPerToken = 8

/** An engine's claim, in the disjoint counts of the envelope. */
export type Claim = Usage

export class Tally {
  readonly #promptMost: number
  readonly #completionMost: number
  readonly #hidden: number
  #pieces = 0
  #completionBytes = 0
  #reasoningBytes = 0
  #reasoningPieces = 0
  #claim: Claim | undefined
  readonly #unitsMost: Readonly<Partial<Record<OtherUnit, number>>>
  readonly #sold: Partial<Record<OtherUnit, number>> = {}
  #readBytes = 0
  #signed: Usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }

  /** `promptMost`: the most tokens the prompt can have; `completionMost`: the most that were asked for, all choices together; `units`: the most of each other unit. */
  constructor(o: { promptMost: number; completionMost: number; choices: number; units?: Readonly<Partial<Record<OtherUnit, number>>> }) {
    this.#promptMost = o.promptMost
    this.#unitsMost = o.units ?? {}
    this.#completionMost = o.completionMost
    this.#hidden = hiddenPerChoice * o.choices
  }

  /** Whether the engine has told how long the prompt is. */
  get promptKnown(): boolean {
    return this.#claim !== undefined && this.#claim.prompt + this.#claim.cached > 0
  }

  /** Whether more pieces with text have come than tokens were asked for. */
  get isOverAsked(): boolean {
    return this.#pieces > this.#completionMost
  }

  /** What the last checkpoint says. */
  get signedUsage(): Usage {
    return this.#signed
  }

  /** Text of one choice in one piece of a stream. */
  sawPiece(observed: Observed): void {
    if (observed.completionBytes > 0 || observed.reasoningBytes > 0) this.#pieces += 1
    if (observed.completionBytes === 0 && observed.reasoningBytes > 0) this.#reasoningPieces += 1
    this.sawText(observed)
  }

  /** Text of a whole answer. */
  sawText(observed: Observed): void {
    this.#completionBytes += observed.completionBytes
    this.#reasoningBytes += observed.reasoningBytes
  }

  /** All text of an answer that came in pieces before: where it has more in it than they had (a function’s name), that counts. */
  sawWhole({ completionBytes, reasoningBytes }: Observed): void {
    this.#completionBytes = Math.max(this.#completionBytes, completionBytes)
    this.#reasoningBytes = Math.max(this.#reasoningBytes, reasoningBytes)
  }

  /** Text that the model has read, for an engine that does not count. */
  read(bytes: number): void {
    this.#readBytes += bytes
  }

  /** `count` of another unit was made. */
  sold(unit: OtherUnit, count: number): void {
    this.#sold[unit] = Math.min(count, this.#unitsMost[unit] ?? 0)
  }

  /** The `usage` of a piece or an answer. With several choices engines claim one choice at a time until the end: `partial` keeps the largest. */
  claimed(usage: unknown, partial: boolean): void {
    const claim = readClaim(usage)
    if (!claim) return
    const before = this.#claim
    this.#claim =
      partial && before && completed(before) > completed(claim)
        ? { ...claim, completion: before.completion, reasoning: before.reasoning }
        : claim
  }

  /** The present count. */
  usage(): Usage {
    const claim = this.#claim
    const promptTotal = between(
      claim ? claim.prompt + claim.cached : Math.ceil(this.#readBytes / bytesPerToken),
      Math.min(1, this.#promptMost),
      this.#promptMost,
    )
    const cached = claim ? Math.min(claim.cached, promptTotal) : 0
    const text = this.#completionBytes + this.#reasoningBytes
    const counted = this.#pieces > 0 ? this.#pieces : Math.ceil(text / bytesPerToken)
    const most = Math.min(text + this.#pieces + this.#hidden, this.#completionMost)
    const reasoningMost = this.#reasoningBytes > 0 ? this.#reasoningBytes + this.#reasoningPieces + this.#hidden : 0
    const shownReasoning = claim ? Math.min(claim.reasoning, reasoningMost) : this.#reasoningPieces
    const shown = between(claim ? claim.completion + shownReasoning : counted, Math.min(this.#pieces, most), most)
    const reasoning = Math.min(shownReasoning, shown)
    return this.#notFalling({ prompt: promptTotal - cached, cached, completion: shown - reasoning, reasoning, ...this.#sold })
  }

  /** Remembers what was signed. */
  signed(usage: Usage): void {
    this.#signed = usage
  }

  /** Counts that a checkpoint signed stay where they are, even where the engine would now call the same tokens by another class. */
  #notFalling(usage: Usage): Usage {
    const signed = this.#signed
    const [prompt, cached] = keep(usage.prompt, usage.cached, signed.prompt, signed.cached)
    const [completion, reasoning] = keep(usage.completion, usage.reasoning, signed.completion, signed.reasoning)
    const others: Partial<Record<OtherUnit, number>> = {}
    for (const unit of otherUnits) {
      const count = Math.max(usage[unit] ?? 0, signed[unit] ?? 0)
      if (count > 0) others[unit] = count
    }
    return { prompt, cached, completion, reasoning, ...others }
  }
}

/** Two classes of one sum, each at least what was signed, the sum no larger than it has to be. */
function keep(a: number, b: number, signedA: number, signedB: number): [number, number] {
  const sum = Math.max(a + b, signedA + signedB)
  const keptB = between(b, signedB, sum - signedA)
  return [sum - keptB, keptB]
}

/** Reads OpenAI's `usage` in either of its spellings, or with a total alone. Undefined where it is none or a count is missing, negative or fractional. */
export function readClaim(usage: unknown): Claim | undefined {
  if (!isRecord(usage)) return undefined
  const completion = usage.completion_tokens ?? usage.output_tokens ?? 0
  const prompt = usage.prompt_tokens ?? usage.input_tokens ?? (completion === 0 ? usage.total_tokens : undefined)
  if (!isCount(prompt) || !isCount(completion)) return undefined
  const cached = Math.min(detail(usage.prompt_tokens_details ?? usage.input_tokens_details, 'cached_tokens'), prompt)
  const reasoning = Math.min(detail(usage.completion_tokens_details ?? usage.output_tokens_details, 'reasoning_tokens'), completion)
  return { prompt: prompt - cached, cached, completion: completion - reasoning, reasoning }
}

function detail(details: unknown, member: string): number {
  const value = isRecord(details) ? details[member] : undefined
  return isCount(value) ? value : 0
}

function completed(usage: Usage): number {
  return usage.completion + usage.reasoning
}

function between(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), Math.max(least, most))
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
