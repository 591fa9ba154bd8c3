/** A GGUF model on the CPU: template, tokenizer, and a few sequences that share one context, so that streams are batched. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { basename } from 'node:path'
import { Template } from '@huggingface/jinja'
import {
  getLlama,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  type LlamaModel,
  readGgufFileInfo,
  type Token,
} from 'node-llama-cpp'
import { messageOf } from '../lib/coded-error.ts'
import { EngineError } from './errors.ts'

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
  readonly #free: LlamaContextSequence[]
  readonly #waiting: ((sequence: LlamaContextSequence) => void)[] = []

  private constructor(
    info: ModelInfo,
    llama: Llama,
    model: LlamaModel,
    context: LlamaContext,
    template: Template,
    sequences: LlamaContextSequence[],
  ) {
    this.info = info
    this.#llama = llama
    this.#model = model
    this.#context = context
    this.#template = template
    this.#free = sequences
  }

  /** Loads a file. Throws {@link EngineError} `model-unusable`. */
  static async load(file: string, sequences: number): Promise<Model> {
    if (!existsSync(file)) throw new EngineError('model-unusable', `there is no model file ${file}`)
    const template = await readTemplate(file)
    // One thread: more of them only wait for each other with a model this small. Never built or fetched: the binary comes with the package.
    const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false, maxThreads: 1, logLevel: 'error' as never })
    try {
      const model = await llama.loadModel({ modelPath: file })
      const contextLength = Math.min(model.trainContextSize, longestContext)
      const context = await model.createContext({ contextSize: contextLength, sequences, threads: 1 })
      const slots = Array.from({ length: sequences }, () => context.getSequence())
      const id = basename(file)
        .replace(/\.gguf$/i, '')
        .replace(/-q\d\w*$/i, '')
      return new Model({ id, contextLength, weightsDigest: await digest(file) }, llama, model, context, template, slots)
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
    const tokens = this.#model.tokenize(text, true)
    const { bos } = this.#model.tokens
    return bos === null || tokens[0] === bos ? tokens : [bos, ...tokens]
  }

  /** The text of `tokens` where they follow `before`. */
  detokenize(tokens: readonly Token[], before: readonly Token[]): string {
    return this.#model.detokenize(tokens, true, before)
  }

  isEnd(token: Token): boolean {
    return this.#model.isEogToken(token)
  }

  /** How many sequences are busy, and how many requests wait for one. */
  get load(): { busy: number; waiting: number } {
    return { busy: this.#context.totalSequences - this.#free.length, waiting: this.#waiting.length }
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

async function readTemplate(file: string): Promise<Template> {
  try {
    const { metadata } = await readGgufFileInfo(file, { logWarnings: false })
    const source = metadata.tokenizer.chat_template
    if (typeof source !== 'string') throw new Error('it has no chat template')
    return new Template(source)
  } catch (cause) {
    throw new EngineError('model-unusable', `${file} is not a GGUF chat model: ${messageOf(cause)}`, { cause })
  }
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
