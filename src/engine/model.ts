/** A GGUF model on the CPU: template, tokenizer, and a few sequences that take turns in one context. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { basename } from 'node:path'
import { Template } from '@huggingface/jinja'
import {
  type CustomBatchingPrioritizationStrategy,
  type GbnfJsonSchema,
  getLlama,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  type LlamaGrammar,
  type LlamaModel,
  readGgufFileInfo,
  type Token,
  TokenBias,
} from 'node-llama-cpp'
import { messageOf } from '../lib/coded-error.ts'
import { Embedder } from './embedder.ts'
import { EngineError } from './errors.ts'
import { makeGrammar } from './grammar.ts'
import type { Input } from './inputs.ts'
import type { TokenText } from './logprobs.ts'
import { badMember } from './members.ts'

export interface ModelInfo {
  readonly id: string
  readonly contextLength: number
  /** `sha256:` and hex, of the file. */
  readonly weightsDigest: string
}

/** What the chat template takes. */
export interface ChatInput {
  readonly messages: readonly unknown[]
  readonly tools?: readonly unknown[] | undefined
}

const longestContext = 8192

export class Model {
  readonly info: ModelInfo
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #context: LlamaContext
  readonly #template: Template
  readonly #bytes: ReadonlyMap<number, number>
  readonly vocabularySize: number
  readonly embedder: Embedder
  readonly #free: LlamaContextSequence[]
  readonly #waiting: ((sequence: LlamaContextSequence) => void)[] = []

  private constructor(
    info: ModelInfo,
    llama: Llama,
    model: LlamaModel,
    context: LlamaContext,
    { template, pieces }: GgufText,
    sequences: LlamaContextSequence[],
  ) {
    this.info = info
    this.#llama = llama
    this.#model = model
    this.#context = context
    this.#template = template
    this.#bytes = bytesOf(pieces)
    this.vocabularySize = [...model.iterateAllTokens()].length
    this.embedder = new Embedder(model, info.contextLength)
    this.#free = sequences
  }

  /** Loads a file. Throws {@link EngineError} `model-unusable`. */
  static async load(file: string, sequences: number): Promise<Model> {
    if (!existsSync(file)) throw new EngineError('model-unusable', `there is no model file ${file}`)
    const text = await readText(file)
    // One thread: more of them only wait for each other with a model this small. Never built or fetched: the binary comes with the package.
    const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false, maxThreads: 1, logLevel: 'error' as never })
    try {
      const model = await llama.loadModel({ modelPath: file })
      const contextLength = Math.min(model.trainContextSize, longestContext)
      const context = await model.createContext({
        contextSize: contextLength,
        sequences,
        threads: 1,
        batching: { itemPrioritizationStrategy: oneAtATime },
      })
      const slots = Array.from({ length: sequences }, () => context.getSequence())
      const id = basename(file)
        .replace(/\.gguf$/i, '')
        .replace(/-q\d\w*$/i, '')
      return new Model({ id, contextLength, weightsDigest: await digest(file) }, llama, model, context, text, slots)
    } catch (cause) {
      await llama.dispose()
      throw new EngineError('model-unusable', `${file} cannot be loaded: ${messageOf(cause)}`, { cause })
    }
  }

  /** The tokens of a conversation, up to where the answer begins. Throws {@link EngineError} `invalid-request` where the template refuses. */
  tokenize(input: ChatInput): Token[] {
    let text: string
    try {
      text = this.#template.render({
        messages: input.messages,
        tools: input.tools?.length ? input.tools : undefined,
        add_generation_prompt: true,
      })
    } catch (cause) {
      // The template's own words may quote the conversation.
      throw new EngineError('invalid-request', 'The chat template cannot render these messages.', { param: 'messages', cause })
    }
    return this.#begun(this.#model.tokenize(text, true))
  }

  /** The tokens of a text that is to be gone on with; tokens stay as they are. Throws {@link EngineError} `invalid-request`. */
  tokenizePrompt(input: Input, param: string): Token[] {
    if (typeof input !== 'string') return this.checkTokens(input, param)
    return this.#begun(this.#model.tokenize(input, true))
  }

  /** Throws {@link EngineError} `invalid-request` where one is none of this model's: the native code would not survive it. */
  checkTokens(tokens: readonly number[], param: string): Token[] {
    if (tokens.some(token => token >= this.vocabularySize))
      throw badMember(param, `this model's tokens are 0 to ${this.vocabularySize - 1}`)
    return tokens as Token[]
  }

  #begun(tokens: Token[]): Token[] {
    const { bos } = this.#model.tokens
    return bos === null || tokens[0] === bos ? tokens : [bos, ...tokens]
  }

  get native(): LlamaModel {
    return this.#model
  }

  /** Whether `token` stands before a text without being part of it. */
  isBeginning(token: Token | undefined): boolean {
    return token === this.#model.tokens.bos
  }

  /** A token by itself, where it follows `before`. */
  describe(token: Token, before: readonly Token[]): TokenText {
    const byte = this.#bytes.get(token)
    if (byte !== undefined) {
      const text = byte < 0x80 ? String.fromCharCode(byte) : `bytes:\\x${byte.toString(16)}`
      return { text, bytes: [byte] }
    }
    const text = this.detokenize([token], before)
    return { text, bytes: text.includes('\ufffd') ? null : [...Buffer.from(text, 'utf8')] }
  }

  bias(logits: ReadonlyMap<number, number>): TokenBias {
    const bias = TokenBias.for(this.#model)
    for (const [token, logit] of logits) bias.set(token as Token, { logit })
    return bias
  }

  /** A grammar for a schema that was lowered before; `param` is the member that it comes from. */
  grammar(schema: GbnfJsonSchema, param: string): Promise<LlamaGrammar> {
    return makeGrammar(this.#llama, schema, param)
  }

  /** The text of `tokens` where they follow `before`. */
  detokenize(tokens: readonly Token[], before: readonly Token[]): string {
    return this.#model.detokenize(tokens, true, before)
  }

  isEnd(token: Token): boolean {
    return this.#model.isEogToken(token)
  }

  /** How many answers are being made, and how many wait for their turn. */
  get load(): { busy: number; waiting: number } {
    const { busy, waiting } = this.embedder.load
    return { busy: this.#context.totalSequences - this.#free.length + busy, waiting: this.#waiting.length + waiting }
  }

  /** A sequence with nothing in it, first come first served. Throws `AbortError` where `signal` ends the wait. */
  async acquire(signal: AbortSignal): Promise<LlamaContextSequence> {
    signal.throwIfAborted()
    const sequence = this.#free.pop() ?? (await this.#wait(signal))
    await sequence.clearHistory()
    return sequence
  }

  /** Gives a sequence back; what it held is forgotten, so nothing of one caller is ever seen by the next. */
  async release(sequence: LlamaContextSequence): Promise<void> {
    await sequence.clearHistory()
    const next = this.#waiting.shift()
    if (next) next(sequence)
    else this.#free.push(sequence)
  }

  async close(): Promise<void> {
    await this.embedder.close()
    await this.#context.dispose()
    await this.#model.dispose()
    await this.#llama.dispose()
  }

  #wait(signal: AbortSignal): Promise<LlamaContextSequence> {
    return new Promise((resolve, reject) => {
      const take = (sequence: LlamaContextSequence) => {
        signal.removeEventListener('abort', leave)
        resolve(sequence)
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(take)
    })
  }
}

/**
 * Never two sequences in one batch. node-llama-cpp samples the sequences of a batch on several threads at once, and the first
 * to look at the probabilities puts them in order while the others read: now and then one caller is given a token that was
 * another's. Taking turns costs about an eighth of the throughput, and makes an answer the same whoever else is being served.
 */
const oneAtATime: CustomBatchingPrioritizationStrategy = ({ items, size }) =>
  items.slice(0, 1).map(item => ({ item, processAmount: Math.min(item.tokens.length, size) }))

interface GgufText {
  readonly template: Template
  /** The vocabulary as it is written in the file. */
  readonly pieces: readonly string[]
}

async function readText(file: string): Promise<GgufText> {
  try {
    const { metadata } = await readGgufFileInfo(file, { logWarnings: false })
    const source = metadata.tokenizer.chat_template
    if (typeof source !== 'string') throw new Error('it has no chat template')
    return { template: new Template(source), pieces: metadata.tokenizer.ggml.tokens ?? [] }
  } catch (cause) {
    throw new EngineError('model-unusable', `${file} is not a GGUF chat model: ${messageOf(cause)}`, { cause })
  }
}

/** Tokens of a single byte, as SentencePiece names them. */
function bytesOf(pieces: readonly string[]): Map<number, number> {
  const bytes = new Map<number, number>()
  for (const [token, piece] of pieces.entries()) {
    const [, hex] = /^<0x([0-9A-F]{2})>$/.exec(piece) ?? []
    if (hex !== undefined) bytes.set(token, Number.parseInt(hex, 16))
  }
  return bytes
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
