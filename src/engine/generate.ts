/** One choice, piece by piece. Counts are exact: completion tokens as sampled, the end-of-turn token not among them. */
import { randomInt } from 'node:crypto'
import type { LlamaContextSequence, LlamaGrammar, SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import { LlamaGrammarEvaluationState } from 'node-llama-cpp'
import { EngineError } from './errors.ts'
import { HeldLogprobs, rate, type TokenLogprob } from './logprobs.ts'
import { badMember, type Sampling } from './members.ts'
import type { Model } from './model.ts'
import { readAtOnce } from './read-at-once.ts'
import { LetterBuffer, TextFilter } from './text-filter.ts'

export interface Piece {
  /** Text to send now; may be empty while a letter or a stop string is unfinished. */
  readonly text: string
  /** Of the tokens whose text has been sent with this piece; empty where none were asked for. */
  readonly logprobs: readonly AnswerLogprob[]
  /** Tokens sampled so far. */
  readonly completionTokens: number
  /** Only in the last piece. */
  readonly finish: 'stop' | 'length' | undefined
}

export interface AnswerLogprob extends TokenLogprob {
  /** Characters of text that the token completed: none while a letter is unfinished. */
  readonly length: number
}

export interface Task {
  readonly prompt: readonly Token[]
  /** Tokens whose text the answer goes on from, so that its first space stays; empty where it begins anew. */
  readonly before: readonly Token[]
  /** The most tokens that may be sampled. */
  readonly limit: number
  readonly sampling: Sampling
  /** Tells one choice from the others of a request. */
  readonly variant: number
  readonly grammar: LlamaGrammar | undefined
}

/** How many tokens an answer to `prompt` may have. Throws {@link EngineError} `context-length-exceeded`. */
export function limitFor(model: Model, prompt: readonly Token[], asked: number | undefined, param: string): number {
  const { contextLength } = model.info
  const room = contextLength - prompt.length
  if (room < 1) {
    throw new EngineError(
      'context-length-exceeded',
      `This model's maximum context length is ${contextLength} tokens; your ${param} came to ${prompt.length}.`,
      { param },
    )
  }
  return Math.min(asked ?? room, room)
}

/** Throws {@link EngineError} `invalid-request` for a bias of a token that cannot have one here. */
export function checkBias(model: Model, { logitBias }: Sampling): void {
  for (const token of logitBias.keys()) {
    if (token >= model.vocabularySize) throw badMember('logit_bias', `this model's tokens are 0 to ${model.vocabularySize - 1}`)
    if (model.isEnd(token as Token)) throw badMember('logit_bias', 'a token that ends the answer cannot be given a bias')
  }
}

/** Makes a choice. Ends when it does, or when `signal` is aborted; the sequence is free again when it has ended. */
export async function* generate(model: Model, task: Task, signal: AbortSignal): AsyncGenerator<Piece, void, void> {
  if (task.limit === 0) {
    yield { text: '', logprobs: [], completionTokens: 0, finish: 'length' }
    return
  }
  const sequence = await model.acquire(signal)
  const letters = new LetterBuffer<Token>((tokens, before) => model.detokenize(tokens, before), task.before)
  const filter = new TextFilter(task.sampling.stops)
  const logprobs = new HeldLogprobs<AnswerLogprob>()
  const answer: Token[] = []
  let read = 0
  let sent = 0
  let finish: Piece['finish']
  try {
    const rest = await readAhead(sequence, task.prompt, signal)
    if (!rest) return
    for await (const { token, logprob } of sample(model, sequence, rest, task, answer)) {
      if (signal.aborted) return
      if (model.isEnd(token)) {
        finish = 'stop'
        break
      }
      answer.push(token)
      const raw = letters.push(token)
      if (logprob) logprobs.push({ ...logprob, length: [...raw].length }, read, read + raw.length)
      read += raw.length
      const text = filter.push(raw)
      sent += text.length
      if (filter.stopped) finish = 'stop'
      else if (answer.length === task.limit) finish = 'length'
      yield { text, logprobs: logprobs.take(sent), completionTokens: answer.length, finish: undefined }
      if (finish) break
    }
    const text = filter.push(letters.end()) + filter.end()
    sent += text.length
    yield {
      text,
      logprobs: filter.stopped ? logprobs.end(sent) : logprobs.take(Number.POSITIVE_INFINITY),
      completionTokens: answer.length,
      finish: finish ?? 'length',
    }
  } finally {
    await model.release(sequence)
  }
}

/** The log probability of each token of `prompt` after its first, in the places of those tokens. Throws where `signal` is aborted. */
export async function ratePrompt(
  model: Model,
  prompt: readonly Token[],
  topCount: number,
  signal: AbortSignal,
): Promise<(TokenLogprob | undefined)[]> {
  const rated: (TokenLogprob | undefined)[] = [undefined]
  const sequence = await model.acquire(signal)
  try {
    for (let at = 0; at < prompt.length - 1; at += readAtOnce) {
      signal.throwIfAborted()
      const part = prompt.slice(at, Math.min(at + readAtOnce, prompt.length - 1))
      const results = await sequence.controlledEvaluate(part.map(token => [token, { generateNext: { probabilities: true } }]))
      for (const [index, result] of results.entries()) {
        const place = at + index + 1
        const describe = (token: Token) => model.describe(token, prompt.slice(Math.max(0, place - 8), place))
        const probabilities = result?.next.probabilities ?? new Map<Token, number>()
        rated.push(rate(prompt[place]!, probabilities, { temperature: 0, count: topCount, describe }))
      }
    }
    return rated
  } finally {
    await model.release(sequence)
  }
}

/** Reads all of `prompt` but its end, which is returned; undefined where `signal` was aborted meanwhile. */
async function readAhead(sequence: LlamaContextSequence, prompt: readonly Token[], signal: AbortSignal): Promise<Token[] | undefined> {
  let at = 0
  for (; prompt.length - at > readAtOnce; at += readAtOnce) {
    if (signal.aborted) return undefined
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + readAtOnce))
  }
  return prompt.slice(at)
}

async function* sample(
  model: Model,
  sequence: LlamaContextSequence,
  prompt: Token[],
  task: Task,
  answer: readonly Token[],
): AsyncGenerator<{ token: Token; logprob: TokenLogprob | undefined }, void, void> {
  const { temperature, topLogprobs } = task.sampling
  const options = optionsFor(model, task, answer)
  if (topLogprobs === undefined) {
    for await (const token of sequence.evaluate(prompt, options)) yield { token, logprob: undefined }
    return
  }
  for await (const { token, probabilities } of sequence.evaluateWithMetadata(prompt, { probabilities: true }, options)) {
    const describe = (other: Token) => model.describe(other, answer.length > 0 ? answer.slice(-8) : task.before)
    yield { token, logprob: rate(token, probabilities, { temperature, count: topLogprobs, describe }) }
  }
}

function optionsFor(model: Model, { sampling, variant, grammar, limit }: Task, answer: readonly Token[]): SequenceEvaluateOptions {
  const { temperature, topP, topK, minP, seed = randomInt(2 ** 31), frequencyPenalty, presencePenalty, logitBias } = sampling
  const isPenalised = frequencyPenalty !== 0 || presencePenalty !== 0
  return {
    temperature,
    topP,
    // Told even where it is 0: node-llama-cpp makes a cut of 40 where it is not.
    topK,
    minP,
    seed: (Math.abs(seed) + variant) % 2 ** 32,
    yieldEogToken: true,
    ...(logitBias.size > 0 ? { tokenBias: model.bias(logitBias) } : {}),
    ...(isPenalised
      ? { repeatPenalty: { punishTokens: () => [...answer], maxPunishTokens: limit, penalty: 1, frequencyPenalty, presencePenalty } }
      : {}),
    ...(grammar ? { grammarEvaluationState: new LlamaGrammarEvaluationState({ model: model.native, grammar }) } : {}),
  }
}
