/** What a request can cost at most, before anything is known but its size and its limits. */
import { costOf, type Price } from '../envelope/index.ts'
import { type Nanoton, nanoton, parseNanoton } from '../lib/nanoton.ts'

/** Tokens that a chat template may add around what the caller wrote. */
const templateTokens = 64

export interface WorstCaseInput {
  /** Bytes of the request's body: no tokenizer makes more tokens of a text than it has bytes. */
  readonly bodyBytes: number
  /** The caller's limit for each answer, where there is one. */
  readonly maxTokens: number | undefined
  /** Prompt and answer together never pass this. */
  readonly contextLength: number
  /** How many answers are asked for. */
  readonly choices: number
  readonly price: Price
}

export interface WorstCase {
  /** The most it can cost. */
  readonly cap: Nanoton
  /** The most tokens it can take, prompt and answers together. */
  readonly tokens: number
}

/**
 * The bound. Prompt and answer tokens are each counted at the dearest class they can fall into. Throws `NanotonError` for a
 * price, or a bound, that is not an amount, and `EnvelopeError` `misuse` for limits that are not counts.
 */
export function worstCase({ bodyBytes, maxTokens, contextLength, choices, price }: WorstCaseInput): WorstCase {
  const prompt = Math.min(bodyBytes + templateTokens, contextLength)
  const completion = Math.min(maxTokens ?? contextLength, contextLength) * choices
  const dearest = (a: string, b: string) => (parseNanoton(a) > parseNanoton(b) ? a : b)
  const usage = { prompt, cached: 0, completion, reasoning: 0 }
  const highest: Price = { ...price, prompt: dearest(price.prompt, price.cached), completion: dearest(price.completion, price.reasoning) }
  return { cap: nanoton(costOf(usage, highest)), tokens: prompt + completion }
}
