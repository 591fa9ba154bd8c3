/** What a request can cost at most, before anything is known but its size and what it asks for. */
import { costOf, type Price } from '../envelope/index.ts'
import { type Nanoton, nanoton, parseNanoton } from '../lib/nanoton.ts'
import type { Facts } from '../openai/index.ts'

/** Tokens that a chat template may add around what the caller wrote, for each text that is read. */
const templateTokens = 64

export interface WorstCaseInput {
  /** Bytes of the request's body. */
  readonly bodyBytes: number
  readonly facts: Pick<Facts, 'inputs' | 'hasMedia' | 'generates' | 'units'>
  /** Prompt and answer together never pass this. */
  readonly contextLength: number
  readonly price: Price
}

export interface WorstCase {
  /** The most it can cost. */
  readonly cap: Nanoton
  /** The most tokens it can take, prompt and answers together. */
  readonly tokens: number
}

/**
 * The most tokens a prompt can have, for payer and worker alike: no tokenizer makes more of a text than it has bytes, and no
 * context holds more than its length. What is not text can be any number of tokens.
 */
export function promptBound(bodyBytes: number, { inputs, hasMedia }: Pick<Facts, 'inputs' | 'hasMedia'>, contextLength: number): number {
  if (inputs === 0) return 0
  const byText = hasMedia ? Number.POSITIVE_INFINITY : bodyBytes + templateTokens * inputs
  return Math.min(byText, contextLength * inputs)
}

/** The most tokens that all answers together can have. */
export function completionBound({ generates }: Pick<Facts, 'generates'>, contextLength: number): number {
  if (!generates) return 0
  return Math.min(generates.maxTokens ?? contextLength, contextLength) * generates.choices
}

/**
 * The bound. Prompt and answer tokens are each counted at the dearest class they can fall into. Throws `NanotonError` for a
 * price, or a bound, that is not an amount, and `EnvelopeError` `misuse` for limits that are not counts or a unit without a price.
 */
export function worstCase({ bodyBytes, facts, contextLength, price }: WorstCaseInput): WorstCase {
  const prompt = promptBound(bodyBytes, facts, contextLength)
  const completion = completionBound(facts, contextLength)
  const dearest = (a: string, b: string) => (parseNanoton(a) > parseNanoton(b) ? a : b)
  const usage = { prompt, cached: 0, completion, reasoning: 0, ...facts.units }
  const highest: Price = { ...price, prompt: dearest(price.prompt, price.cached), completion: dearest(price.completion, price.reasoning) }
  return { cap: nanoton(costOf(usage, highest)), tokens: prompt + completion }
}
