/** How many bytes may be held at once, by all who hold some. */
export class ByteBudget {
  readonly limit: number
  #held = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get held(): number {
    return this.#held
  }

  /** Takes `bytes`; false, and nothing is taken, where they do not fit. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.limit) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}

/** One holder's share of a budget: grows as needed, and is given back once. */
export class BudgetShare {
  readonly #budget: ByteBudget
  #bytes = 0

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  /** Makes the share at least `bytes`, in steps that are a good deal more than a read from a socket. False where they do not fit. */
  cover(bytes: number): boolean {
    if (bytes <= this.#bytes) return true
    const more = Math.max(bytes, this.#bytes === 0 ? 0 : this.#bytes + step) - this.#bytes
    if (!this.#budget.take(more)) return false
    this.#bytes += more
    return true
  }

  giveBack(): void {
    this.#budget.give(this.#bytes)
    this.#bytes = 0
  }
}

const step = 1024 * 1024
