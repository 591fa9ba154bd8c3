/** What `ctx.cap` still pays for. Exact, in nanoTON per 10^6 tokens; nothing here rounds in the worker's favour. */
import { otherUnits, type Price, type TokenClass, type Usage } from '../envelope/index.ts'
import { larger, parseNanoton } from '../lib/nanoton.ts'

const million = 1_000_000n

export class Budget {
  /** cap × 10^6: what Σ usage × price may reach, since its ceiling after division may reach cap. */
  readonly #most: bigint
  readonly #price: Readonly<Record<TokenClass, bigint>>
  readonly #whole: Price
  readonly #dearest: bigint

  constructor(cap: string, price: Price) {
    this.#most = BigInt(cap) * million
    this.#whole = price
    this.#price = {
      prompt: BigInt(price.prompt),
      cached: BigInt(price.cached),
      completion: BigInt(price.completion),
      reasoning: BigInt(price.reasoning),
    }
    this.#dearest = larger(parseNanoton(price.completion), parseNanoton(price.reasoning))
  }

  /** How many tokens more, of whichever class is dearest, can be made after `usage`. Infinity where they are free. */
  room(usage: Usage): number {
    const left = this.#most - this.#sum(usage)
    if (left < 0n) return 0
    return this.#dearest === 0n ? Number.POSITIVE_INFINITY : Number(left / this.#dearest)
  }

  /** Whether the cap pays for all of `usage`, and every unit in it has a price. */
  covers(usage: Usage): boolean {
    return otherUnits.every(unit => usage[unit] === undefined || this.#whole[unit] !== undefined) && this.#sum(usage) <= this.#most
  }

  /** Tokens of completion that are paid for after a prompt of `promptTokens`, at the dearer of its two prices. Negative where even the prompt is not. */
  roomAfterPrompt(promptTokens: number): number {
    const isCachedDearer = this.#price.cached > this.#price.prompt
    const usage: Usage = {
      prompt: isCachedDearer ? 0 : promptTokens,
      cached: isCachedDearer ? promptTokens : 0,
      completion: 0,
      reasoning: 0,
    }
    return this.#sum(usage) > this.#most ? -1 : this.room(usage)
  }

  /** `usage`, or as much of it as the cap pays for: what came in one piece beyond the cap is given away, completion first, but nothing of `signed`, which the cap pays for. */
  within(usage: Usage, signed: Usage): Usage {
    let over = this.#sum(usage) - this.#most
    if (over <= 0n) return usage
    const kept = { ...usage }
    for (const member of ['completion', 'reasoning', 'prompt', 'cached'] as const) {
      const price = this.#price[member]
      if (over <= 0n || price === 0n) continue
      const needed = (over + price - 1n) / price
      const most = Math.max(kept[member] - signed[member], 0)
      const taken = needed < BigInt(most) ? Number(needed) : most
      kept[member] -= taken
      over -= BigInt(taken) * price
    }
    return kept
  }

  #sum(usage: Usage): bigint {
    const price = this.#price
    return (
      BigInt(usage.prompt) * price.prompt +
      BigInt(usage.cached) * price.cached +
      BigInt(usage.completion) * price.completion +
      BigInt(usage.reasoning) * price.reasoning +
      this.#others(usage)
    )
  }

  /** Units that have no price here cost nothing: {@link covers} has refused them before. */
  #others(usage: Usage): bigint {
    let sum = 0n
    for (const unit of otherUnits) if (usage[unit] !== undefined) sum += BigInt(usage[unit]) * BigInt(this.#whole[unit] ?? 0)
    return sum
  }
}
