/** One answer, piece by piece. Counts are exact: prompt tokens as evaluated, completion tokens as sampled, the end-of-turn token not among them. */
import { randomInt } from 'node:crypto'
import type { Token } from 'node-llama-cpp'
import type { ChatRequest } from './chat-request.ts'
import { EngineError } from './errors.ts'
import type { Model } from './model.ts'
import { LetterBuffer, TextFilter } from './text-filter.ts'

export interface Piece {
  /** Text to send now; may be empty while a letter or a stop string is unfinished. */
  readonly text: string
  /** Tokens sampled so far. */
  readonly completionTokens: number
  readonly finish: 'stop' | 'length' | undefined
}

export interface Generation {
  readonly promptTokens: number
  /** Ends when the answer does, or when `signal` is aborted; the sequence is free again when it has ended. */
  pieces(signal: AbortSignal): AsyncGenerator<Piece, void, void>
}

/** Prepares an answer. Throws {@link EngineError} `context-length-exceeded` or `invalid-request`. */
export function prepare(model: Model, request: ChatRequest): Generation {
  const prompt = model.tokenize(request)
  const room = model.info.contextLength - prompt.length
  if (room < 1) {
    throw new EngineError(
      'context-length-exceeded',
      `This model's maximum context length is ${model.info.contextLength} tokens; the messages take ${prompt.length}.`,
      { param: 'messages' },
    )
  }
  const limit = Math.min(request.maxTokens ?? room, room)
  return { promptTokens: prompt.length, pieces: signal => generate(model, request, prompt, limit, signal) }
}

async function* generate(
  model: Model,
  request: ChatRequest,
  prompt: Token[],
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, void> {
  const sequence = await model.acquire(signal)
  const letters = new LetterBuffer<Token>((tokens, before) => model.detokenize(tokens, before))
  const filter = new TextFilter(request.stops)
  let completionTokens = 0
  let finish: Piece['finish']
  try {
    const { temperature, topP, seed = randomInt(2 ** 31) } = request
    for await (const token of sequence.evaluate(prompt, { temperature, topP, seed: Math.abs(seed) % 2 ** 32, yieldEogToken: true })) {
      if (signal.aborted) return
      if (model.isEnd(token)) {
        finish = 'stop'
        break
      }
      completionTokens += 1
      const text = filter.push(letters.push(token))
      if (filter.stopped) finish = 'stop'
      else if (completionTokens === limit) finish = 'length'
      if (finish) {
        yield { text, completionTokens, finish: undefined }
        break
      }
      yield { text, completionTokens, finish: undefined }
    }
    const rest = filter.push(letters.end()) + filter.end()
    yield { text: rest, completionTokens, finish: finish ?? 'length' }
  } finally {
    await model.release(sequence)
  }
}
