/** What is charged here: nanoTON per million tokens in four classes, and per million of whatever else is sold, for each model or by default. */
import { type OtherUnit, otherUnits, type Price, type TokenClass } from '../envelope/index.ts'
import { parseNanoton } from '../lib/nanoton.ts'
import type { Endpoint } from '../openai/index.ts'

/** The same price, ready to compare. */
export type PriceVector = Readonly<Record<TokenClass, bigint>> & Readonly<Partial<Record<OtherUnit, bigint>>>

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

  /** Whether `model` has a price for what an endpoint charges by. */
  sells(model: string, charges: Endpoint['charges']): boolean {
    return charges === 'tokens' || this.for(model)[charges] !== undefined
  }

  /** What is paid at an endpoint that charges by `charges`: tokens, and that unit. */
  vectorFor(model: string, charges: Endpoint['charges'] = 'tokens'): PriceVector {
    const { prompt, cached, completion, reasoning, ...others } = toVector(this.for(model))
    const tokens = { prompt, cached, completion, reasoning }
    return charges === 'tokens' || others[charges] === undefined ? tokens : { ...tokens, [charges]: others[charges] }
  }
}

/** Throws `NanotonError` for a price that is not an amount. */
export function toVector(price: Price): PriceVector {
  const { prompt, cached, completion, reasoning } = price
  const others: Partial<Record<OtherUnit, bigint>> = {}
  for (const unit of otherUnits) {
    const amount = price[unit]
    if (amount !== undefined) others[unit] = parseNanoton(amount)
  }
  return {
    prompt: parseNanoton(prompt),
    cached: parseNanoton(cached),
    completion: parseNanoton(completion),
    reasoning: parseNanoton(reasoning),
    ...others,
  }
}
