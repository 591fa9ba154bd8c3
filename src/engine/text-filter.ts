/**
 * From tokens' text to text that may be sent: a letter whose bytes are not all there is held, and so is whatever could turn
 * out to be the beginning of a stop string. What is a stop string is never sent.
 */

const unfinished = '\ufffd'

export class TextFilter {
  readonly #stops: readonly string[]
  readonly #longest: number
  #held = ''
  stopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
    this.#longest = Math.max(0, ...stops.map(stop => stop.length))
  }

  /** Takes text as it comes and gives what may be sent now. Nothing comes after a stop string. */
  push(text: string): string {
    if (this.stopped) return ''
    this.#held += text
    const cut = Math.min(...this.#stops.map(stop => indexOrEnd(this.#held, stop)), Number.POSITIVE_INFINITY)
    if (cut !== Number.POSITIVE_INFINITY) {
      this.stopped = true
      const sent = this.#held.slice(0, cut)
      this.#held = ''
      return sent
    }
    const keep = this.#possibleStop()
    const sent = this.#held.slice(0, this.#held.length - keep)
    this.#held = this.#held.slice(this.#held.length - keep)
    return sent
  }

  /** What was held, when nothing more comes. */
  end(): string {
    const rest = this.stopped ? '' : this.#held
    this.#held = ''
    return rest
  }

  /** How many characters at the end could begin a stop string. */
  #possibleStop(): number {
    for (let size = Math.min(this.#longest - 1, this.#held.length); size > 0; size--) {
      const tail = this.#held.slice(-size)
      if (this.#stops.some(stop => stop.startsWith(tail))) return size
    }
    return 0
  }
}

function indexOrEnd(text: string, stop: string): number {
  const index = text.indexOf(stop)
  return index < 0 ? Number.POSITIVE_INFINITY : index
}

/** Tokens whose text is not whole yet. */
export class LetterBuffer<Token> {
  readonly #detokenize: (tokens: readonly Token[], before: readonly Token[]) => string
  #before: readonly Token[]
  #pending: Token[] = []

  /** `before`: the tokens that stand before the first. */
  constructor(detokenize: (tokens: readonly Token[], before: readonly Token[]) => string, before: readonly Token[] = []) {
    this.#detokenize = detokenize
    this.#before = before
  }

  /** The text that `token` completes; empty while a letter is not whole. A byte that never becomes one is given up after four. */
  push(token: Token): string {
    this.#pending.push(token)
    const text = this.#detokenize(this.#pending, this.#before)
    if (text.endsWith(unfinished) && this.#pending.length < 5) return ''
    this.#before = [...this.#before, ...this.#pending].slice(-8)
    this.#pending = []
    return text
  }

  end(): string {
    const text = this.#pending.length > 0 ? this.#detokenize(this.#pending, this.#before) : ''
    this.#pending = []
    return text
  }
}
