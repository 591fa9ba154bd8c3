/** Log probabilities as OpenAI tells them: of the model itself, before temperature. */
import type { Token } from 'node-llama-cpp'

/** A token by itself. `bytes` is null where they are not known (a part of a letter in a vocabulary that does not tell). */
export interface TokenText {
  readonly text: string
  readonly bytes: readonly number[] | null
}

export interface RatedToken extends TokenText {
  readonly logprob: number
}

export interface TokenLogprob extends RatedToken {
  /** The likeliest tokens at this place, likeliest first. */
  readonly top: readonly RatedToken[]
}

/** What OpenAI writes for a token that is next to impossible; JSON has no minus infinity. */
const least = -9999

/**
 * Rates `token` and the `count` likeliest others. `probabilities` come after temperature, likeliest first, which is taken
 * back here: exactly while single precision holds them (down to about 0.2), and within the tokens that `top_p` left.
 */
export function rate(
  token: Token,
  probabilities: ReadonlyMap<Token, number>,
  o: { temperature: number; count: number; describe: (token: Token) => TokenText },
): TokenLogprob {
  const factor = o.temperature > 0 ? o.temperature : 1
  let sum = 0
  for (const probability of probabilities.values()) sum += probability ** factor
  const logprob = (probability: number) => (probability > 0 ? Math.min(0, factor * Math.log(probability) - Math.log(sum)) : least)
  const top: RatedToken[] = []
  for (const [other, probability] of probabilities) {
    if (top.length === o.count || probability === 0) break
    top.push({ ...o.describe(other), logprob: logprob(probability) })
  }
  return { ...o.describe(token), logprob: logprob(probabilities.get(token) ?? 0), top }
}

/** Log probabilities that wait until the text of their tokens is sent; those of a stop string never are. */
export class HeldLogprobs<T> {
  #held: { from: number; to: number; logprob: T }[] = []

  /** The text of the token stands at `from` up to `to` of all text. */
  push(logprob: T, from: number, to: number): void {
    this.#held.push({ from, to, logprob })
  }

  /** Those whose text is among the first `sent` characters. */
  take(sent: number): T[] {
    const waiting = this.#held.findIndex(({ to }) => to > sent)
    return this.#held.splice(0, waiting < 0 ? this.#held.length : waiting).map(({ logprob }) => logprob)
  }

  /** Those of which at least a part is among the first `sent` characters, after which nothing comes. */
  end(sent: number): T[] {
    const rest = this.#held.filter(({ from }) => from < sent)
    this.#held = []
    return rest.map(({ logprob }) => logprob)
  }
}
