/** Embeddings: the model's last hidden state of a text, at length 1. One text at a time; its context is made when it is first needed. */
import type { LlamaEmbeddingContext, LlamaModel, Token } from 'node-llama-cpp'
import { EngineError } from './errors.ts'
import { readAtOnce } from './read-at-once.ts'

export class Embedder {
  readonly #model: LlamaModel
  readonly #contextLength: number
  #context: Promise<LlamaEmbeddingContext> | undefined
  #turn: Promise<void> = Promise.resolve()
  #busy = 0
  #waiting = 0

  constructor(model: LlamaModel, contextLength: number) {
    this.#model = model
    this.#contextLength = contextLength
  }

  /** The length of a vector. */
  get dimensions(): number {
    return this.#model.embeddingVectorSize
  }

  get load(): { busy: number; waiting: number } {
    return { busy: this.#busy, waiting: this.#waiting }
  }

  /** The tokens of a text as they are evaluated, the beginning among them; special tokens in a text are text. Throws {@link EngineError} `context-length-exceeded`. */
  tokens(input: string | readonly Token[], param: string): Token[] {
    const tokens = typeof input === 'string' ? this.#model.tokenize(input, false) : [...input]
    const { bos, shouldPrependBosToken } = this.#model.tokens
    if (shouldPrependBosToken && bos !== null && tokens[0] !== bos) tokens.unshift(bos)
    if (tokens.length > this.#contextLength)
      throw new EngineError(
        'context-length-exceeded',
        `This model's maximum context length is ${this.#contextLength} tokens; the input has ${tokens.length}.`,
        { param },
      )
    return tokens
  }

  /** Throws where `signal` is aborted before the text's turn has come. */
  async embed(tokens: Token[], signal: AbortSignal): Promise<readonly number[]> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    this.#waiting += 1
    try {
      await before
    } finally {
      this.#waiting -= 1
    }
    this.#busy += 1
    try {
      signal.throwIfAborted()
      return await this.#evaluate(tokens, signal)
    } finally {
      this.#busy -= 1
      resolve()
    }
  }

  /** node-llama-cpp cannot stop in the middle of a text; taking its context away does, at the end of a batch. A new one is cheap. */
  async #evaluate(tokens: Token[], signal: AbortSignal): Promise<readonly number[]> {
    const context = await this.#open()
    let stopped: Promise<void> | undefined
    const stop = () => {
      this.#context = undefined
      stopped = context.dispose()
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      return (await context.getEmbeddingFor(tokens)).vector
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
      await stopped
    }
  }

  async close(): Promise<void> {
    await (await this.#context)?.dispose()
  }

  #open(): Promise<LlamaEmbeddingContext> {
    // node-llama-cpp wants one place more than the text has.
    const contextSize = this.#contextLength + 1
    const batchSize = poolsWholeText(this.#model) ? contextSize : readAtOnce
    this.#context ??= this.#model.createEmbeddingContext({ contextSize, batchSize, threads: 1 }).catch(error => {
      this.#context = undefined
      throw error
    })
    return this.#context
  }
}

/** Whether a vector is made of all tokens (1 mean, 2 first) and not of the last one: then they have to be in one batch. */
function poolsWholeText({ fileInfo: { metadata } }: LlamaModel): boolean {
  const own: Readonly<Record<string, unknown>> = { ...metadata[metadata.general.architecture] }
  return own.pooling_type === 1 || own.pooling_type === 2
}

/** `vector` cut to `dimensions` and brought to length 1, in single precision, as it is sent. */
export function normalised(vector: readonly number[], dimensions: number): Float32Array {
  const cut = vector.slice(0, dimensions)
  const length = Math.hypot(...cut)
  return Float32Array.from(cut, value => (length > 0 ? value / length : 0))
}
