/** An answer in the form of OpenAI's older completions: one JSON object, or chunks as they come. */
import type { Token } from 'node-llama-cpp'
import type { CompletionRequest } from './completion-request.ts'
import { type AnswerLogprob, checkBias, generate, limitFor, type Piece, ratePrompt, type Task } from './generate.ts'
import type { RatedToken, TokenLogprob } from './logprobs.ts'
import type { Model } from './model.ts'
import { LetterBuffer } from './text-filter.ts'
import { Counter, done, event, newFrame } from './wire.ts'

export interface CompletionJob {
  readonly request: CompletionRequest
  /** Of all prompts. */
  readonly promptTokens: number
  /** One for each choice: those of the first prompt first. */
  readonly choices: readonly { readonly task: Task; readonly echo: string }[]
}

/** A token as completions list it; the first of a prompt has no probability. */
interface Listed {
  readonly text: string
  /** Characters of the answer's text that are its own. */
  readonly length: number
  readonly rated: TokenLogprob | undefined
}

const object = 'text_completion'

/** Gets everything ready. Throws {@link EngineError} `context-length-exceeded` or `invalid-request`. */
export function prepareCompletion(model: Model, request: CompletionRequest): CompletionJob {
  const { sampling, prompts, n, maxTokens, echo } = request
  checkBias(model, sampling)
  let promptTokens = 0
  const choices = prompts.flatMap(input => {
    const prompt = model.tokenizePrompt(input, 'prompt')
    const limit = limitFor(model, prompt, maxTokens, 'prompt')
    const before = prompt.filter(token => !model.isBeginning(token)).slice(-8)
    const echoed = !echo ? '' : typeof input === 'string' ? input : model.detokenize(prompt, [])
    promptTokens += prompt.length
    return Array.from({ length: n }, (_, variant) => ({
      task: { prompt, before, limit, sampling, variant, grammar: undefined },
      echo: echoed,
    }))
  })
  return { request, promptTokens, choices }
}

/** Makes the whole answer. Throws where `signal` is aborted. */
export async function completionAnswer(model: Model, job: CompletionJob, signal: AbortSignal): Promise<object> {
  const { request, promptTokens } = job
  const counter = new Counter(promptTokens)
  const choices: object[] = []
  for (const [index, { task, echo }] of job.choices.entries()) {
    counter.next()
    let text = echo
    let last: Piece | undefined
    const listed = await listPrompt(model, request, task, signal)
    for await (const piece of generate(model, task, signal)) {
      text += piece.text
      listed.push(...piece.logprobs.map(list))
      counter.current = piece.completionTokens
      last = piece
    }
    signal.throwIfAborted()
    choices.push({ text, index, logprobs: presentLogprobs(request, listed, 0), finish_reason: last!.finish })
  }
  return { ...newFrame('cmpl', model.info), object, choices, usage: counter.usage }
}

/** Makes the events of a streamed answer, `[DONE]` last, choice by choice. */
export async function* completionEvents(model: Model, job: CompletionJob, signal: AbortSignal): AsyncGenerator<string, void, void> {
  const { request, promptTokens } = job
  const shared = { ...newFrame('cmpl', model.info), object }
  const counter = new Counter(promptTokens)
  for (const [index, { task, echo }] of job.choices.entries()) {
    counter.next()
    let offset = 0
    const chunk = (text: string, listed: readonly Listed[], finish: string | null) => {
      const logprobs = listed.length > 0 ? presentLogprobs(request, listed, offset) : null
      offset += lengthOf(listed)
      return event({ ...shared, choices: [{ text, index, logprobs, finish_reason: finish }], ...counter.interim(request) })
    }
    const prompt = await listPrompt(model, request, task, signal)
    if (echo !== '' || prompt.length > 0) yield chunk(echo, prompt, null)
    let finished = false
    for await (const { text, logprobs, completionTokens, finish } of generate(model, task, signal)) {
      counter.current = completionTokens
      if (finish) finished = true
      if (finish || text !== '' || logprobs.length > 0) yield chunk(text, logprobs.map(list), finish ?? null)
    }
    // Ended without a last piece: the caller went away.
    if (!finished) return
  }
  if (request.includeUsage) yield event({ ...shared, choices: [], usage: counter.usage })
  yield done
}

/** The prompt's own tokens, where they are to be echoed with probabilities. */
async function listPrompt(model: Model, { echo, sampling }: CompletionRequest, { prompt }: Task, signal: AbortSignal): Promise<Listed[]> {
  if (!echo || sampling.topLogprobs === undefined) return []
  const rated = await ratePrompt(model, prompt, sampling.topLogprobs, signal)
  const letters = new LetterBuffer<Token>((tokens, before) => model.detokenize(tokens, before))
  const first = model.isBeginning(prompt[0]) ? 1 : 0
  return prompt.slice(first).map((token, index) => {
    const own = rated[first + index]
    return { text: own?.text ?? model.describe(token, []).text, length: [...letters.push(token)].length, rated: own }
  })
}

function list(rated: AnswerLogprob): Listed {
  return { text: rated.text, length: rated.length, rated }
}

function lengthOf(listed: readonly Listed[]): number {
  return listed.reduce((sum, { length }) => sum + length, 0)
}

/** `text_offset` says where each token's text begins, in characters, when the first stands at `offset`. */
function presentLogprobs({ sampling }: CompletionRequest, listed: readonly Listed[], offset: number): object | null {
  if (sampling.topLogprobs === undefined) return null
  let at = offset
  const offsets = listed.map(({ length }) => {
    const here = at
    at += length
    return here
  })
  return {
    tokens: listed.map(({ text }) => text),
    token_logprobs: listed.map(({ rated }) => rated?.logprob ?? null),
    top_logprobs: sampling.topLogprobs === 0 ? null : listed.map(({ rated }) => (rated ? topOf(rated) : null)),
    text_offset: offsets,
  }
}

/** The token itself is always among them, though it may be none of the likeliest. */
function topOf(rated: TokenLogprob): Record<string, number> {
  return Object.fromEntries([...rated.top, rated].map(({ text, logprob }: RatedToken) => [text, logprob]))
}
