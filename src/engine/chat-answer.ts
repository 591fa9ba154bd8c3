/** A chat answer in OpenAI's form: one JSON object, or chunks as they come. */
import { type Calling, type ChatTask, speak } from './chat-choice.ts'
import type { ChatRequest } from './chat-request.ts'
import { checkBias, limitFor } from './generate.ts'
import type { RatedToken, TokenLogprob } from './logprobs.ts'
import type { Model } from './model.ts'
import { opening, type ToolCall } from './tool-calls.ts'
import { Counter, done, event, newFrame } from './wire.ts'

export interface ChatJob {
  readonly request: ChatRequest
  readonly promptTokens: number
  /** One for each choice. */
  readonly tasks: readonly ChatTask[]
}

type Delta = { role?: 'assistant'; content?: string; tool_calls?: (ToolCall & { index: number })[] }

const object = 'chat.completion.chunk'

/** Gets everything ready. Throws {@link EngineError} `context-length-exceeded` or `invalid-request`. */
export async function prepareChat(model: Model, request: ChatRequest): Promise<ChatJob> {
  const { sampling, jsonSchema, messages, tooling } = request
  checkBias(model, sampling)
  const prompt = model.tokenize({ messages, tools: tooling.tools })
  const calling = await prepareCalling(model, request)
  const read = calling?.required ? [...prompt, ...calling.opening] : prompt
  const limit = limitFor(model, read, request.maxTokens, 'messages')
  const grammar = jsonSchema && (await model.grammar(jsonSchema, 'response_format'))
  const tasks = Array.from({ length: request.n }, (_, variant) => ({
    task: { prompt, before: [], limit, sampling, variant, grammar },
    calling,
  }))
  return { request, promptTokens: read.length, tasks }
}

async function prepareCalling(model: Model, { tooling }: ChatRequest): Promise<Calling | undefined> {
  const { tools, required, parallel, callSchema } = tooling
  if (tools.length === 0) return undefined
  const grammar = callSchema && (await model.grammar(callSchema, 'tools'))
  return { required, parallel, grammar, opening: model.native.tokenize(opening, true) }
}

/** Makes the whole answer. Throws where `signal` is aborted. */
export async function chatAnswer(model: Model, { request, promptTokens, tasks }: ChatJob, signal: AbortSignal): Promise<object> {
  const counter = new Counter(promptTokens)
  const choices: object[] = []
  for (const [index, task] of tasks.entries()) {
    counter.next()
    let content = ''
    let calls: readonly ToolCall[] | undefined
    let finish: string | undefined
    const logprobs: TokenLogprob[] = []
    for await (const piece of speak(model, task, signal)) {
      content += piece.text
      logprobs.push(...piece.logprobs)
      counter.current = piece.completionTokens
      calls = piece.calls
      finish = piece.finish
    }
    signal.throwIfAborted()
    const message = { role: 'assistant', content: calls ? null : content, refusal: null, ...(calls ? { tool_calls: calls } : {}) }
    choices.push({ index, message, logprobs: presentLogprobs(request, logprobs), finish_reason: finish })
  }
  return { ...newFrame('chatcmpl', model.info), object: 'chat.completion', choices, usage: counter.usage }
}

/** Makes the events of a streamed answer, `[DONE]` last, choice by choice. */
export async function* chatEvents(
  model: Model,
  { request, promptTokens, tasks }: ChatJob,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const shared = { ...newFrame('chatcmpl', model.info), object }
  const counter = new Counter(promptTokens)
  for (const [index, task] of tasks.entries()) {
    counter.next()
    const chunk = (delta: Delta, finish: string | null, logprobs: readonly TokenLogprob[] = []) =>
      event({
        ...shared,
        choices: [{ index, delta, logprobs: logprobs.length > 0 ? presentLogprobs(request, logprobs) : null, finish_reason: finish }],
        ...counter.interim(request),
      })
    yield chunk({ role: 'assistant', content: '' }, null)
    let finished = false
    for await (const { text, calls, logprobs, completionTokens, finish } of speak(model, task, signal)) {
      counter.current = completionTokens
      if (calls) yield chunk({ tool_calls: calls.map((call, place) => ({ index: place, ...call })) }, null, logprobs)
      else if (text !== '' || logprobs.length > 0) yield chunk({ content: text }, null, logprobs)
      if (!finish) continue
      finished = true
      yield chunk({}, finish)
    }
    // Ended without a last piece: the caller went away.
    if (!finished) return
  }
  if (request.includeUsage) yield event({ ...shared, choices: [], usage: counter.usage })
  yield done
}

function presentLogprobs({ sampling }: ChatRequest, logprobs: readonly TokenLogprob[]): object | null {
  if (sampling.topLogprobs === undefined) return null
  return { content: logprobs.map(({ top, ...token }) => ({ ...present(token), top_logprobs: top.map(present) })), refusal: null }
}

function present({ text, logprob, bytes }: RatedToken): object {
  return { token: text, logprob, bytes }
}
