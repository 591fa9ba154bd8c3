/** What tokens cost here: nanoTON per million tokens, in four classes, for each model or by default. */
import type { Price } from '../envelope/index.ts'
import { parseNanoton } from '../lib/nanoton.ts'

/** The same price, ready to compare. */
export interface PriceVector {
  readonly prompt: bigint
  readonly cached: bigint
  readonly completion: bigint
  readonly reasoning: bigint
}

export class PriceTable {
  readonly #default: Price
  readonly #models: ReadonlyMap<string, Price>

  /** Throws `NanotonError` for a price that is not an amount. */
  constructor(prices: { default: Price; models?: Readonly<Record<string, Price>> | undefined }) {
    this.#default = prices.default
    this.#models = new Map(Object.entries(prices.models ?? {}))
    for (const price of [this.#default, ...this.#models.values()]) toVector(price)
  }

  for(model: string): Price {
    return this.#models.get(model) ?? this.#default
  }

  vectorFor(model: string): PriceVector {
    return toVector(this.for(model))
  }
}

export function toVector(price: Price): PriceVector {
  const { prompt, cached, completion, reasoning } = price
  return {
    prompt: parseNanoton(prompt),
    cached: parseNanoton(cached),
    completion: parseNanoton(completion),
    reasoning: parseNanoton(reasoning),
  }
}
