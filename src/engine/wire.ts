/** What OpenAI's answers have in common. */
import { createHash, randomBytes } from 'node:crypto'
import type { Delivery } from './members.ts'
import type { ModelInfo } from './model.ts'

/** What all parts of one answer repeat. */
export interface Frame {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly system_fingerprint: string
}

/** The last event of a stream. */
export const done = 'data: [DONE]\n\n'

/** A frame with an id of its own, `prefix` and 24 letters. The fingerprint follows the weights. */
export function newFrame(prefix: string, { id, weightsDigest }: ModelInfo): Frame {
  return {
    id: `${prefix}-${randomId()}`,
    created: Math.floor(Date.now() / 1000),
    model: id,
    system_fingerprint: `fp_${createHash('sha256').update(weightsDigest).digest('hex').slice(0, 10)}`,
  }
}

/** 24 hexadecimal letters that nobody can guess. */
export function randomId(): string {
  return randomBytes(12).toString('hex')
}

/** `body` as one event of a stream. */
export function event(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`
}

/** Counts over all choices of a request. The choices are made one after another, so that a running count never falls. */
export class Counter {
  readonly #promptTokens: number
  #finished = 0
  #current = 0

  constructor(promptTokens: number) {
    this.#promptTokens = promptTokens
  }

  /** How many tokens the present choice has had so far. */
  set current(completionTokens: number) {
    this.#current = completionTokens
  }

  /** The next choice begins. */
  next(): void {
    this.#finished += this.#current
    this.#current = 0
  }

  get usage(): object {
    const completionTokens = this.#finished + this.#current
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: completionTokens,
      total_tokens: this.#promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    }
  }

  /** The `usage` member of a chunk before the end, or none. */
  interim({ includeUsage, continuousUsage }: Delivery): object {
    if (continuousUsage) return { usage: this.usage }
    return includeUsage ? { usage: null } : {}
  }
}
