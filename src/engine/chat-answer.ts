/** A chat answer in OpenAI's form: one JSON object, or chunks as they come. */
import type { ChatRequest } from './chat-request.ts'
import { checkBias, generate, limitFor, type Piece, type Task } from './generate.ts'
import type { RatedToken, TokenLogprob } from './logprobs.ts'
import type { Model } from './model.ts'
import { mayBeToolCall, parseToolCalls, type ToolCall } from './tool-calls.ts'
import { Counter, done, event, newFrame, randomId } from './wire.ts'

export interface ChatJob {
  readonly request: ChatRequest
  readonly promptTokens: number
  /** One for each choice. */
  readonly tasks: readonly Task[]
}

type Delta = { role?: 'assistant'; content?: string; tool_calls?: (ToolCall & { index: number })[] }

const object = 'chat.completion.chunk'

/** Gets everything ready. Throws {@link EngineError} `context-length-exceeded` or `invalid-request`. */
export async function prepareChat(model: Model, request: ChatRequest): Promise<ChatJob> {
  const { sampling, jsonSchema } = request
  checkBias(model, sampling)
  const prompt = model.tokenize(request)
  const limit = limitFor(model, prompt, request.maxTokens, 'messages')
  const grammar = jsonSchema && (await model.grammar(jsonSchema))
  const tasks = Array.from({ length: request.n }, (_, variant) => ({ prompt, before: [], limit, sampling, variant, grammar }))
  return { request, promptTokens: prompt.length, tasks }
}

/** Makes the whole answer. Throws where `signal` is aborted. */
export async function chatAnswer(model: Model, { request, promptTokens, tasks }: ChatJob, signal: AbortSignal): Promise<object> {
  const counter = new Counter(promptTokens)
  const choices: object[] = []
  for (const [index, task] of tasks.entries()) {
    counter.next()
    let text = ''
    let last: Piece | undefined
    const logprobs: TokenLogprob[] = []
    for await (const piece of generate(model, task, signal)) {
      text += piece.text
      logprobs.push(...piece.logprobs)
      counter.current = piece.completionTokens
      last = piece
    }
    signal.throwIfAborted()
    const calls = request.tools.length > 0 ? parseToolCalls(text, callId) : undefined
    const message = { role: 'assistant', content: calls ? null : text, refusal: null, ...(calls ? { tool_calls: calls } : {}) }
    choices.push({ index, message, logprobs: presentLogprobs(request, logprobs), finish_reason: calls ? 'tool_calls' : last!.finish })
  }
  return { ...newFrame('chatcmpl', model.info), object: 'chat.completion', choices, usage: counter.usage }
}

/** Makes the events of a streamed answer, `[DONE]` last, choice by choice. With tools, text that may be a call is held until it is clear. */
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
    let held = ''
    let heldLogprobs: TokenLogprob[] = []
    let holding = request.tools.length > 0
    let finished = false
    for await (const piece of generate(model, task, signal)) {
      counter.current = piece.completionTokens
      held += piece.text
      heldLogprobs.push(...piece.logprobs)
      if (holding && !mayBeToolCall(held)) holding = false
      const calls = piece.finish && holding ? parseToolCalls(held, callId) : undefined
      if (calls) yield chunk({ tool_calls: calls.map((call, place) => ({ index: place, ...call })) }, null, heldLogprobs)
      else if ((held !== '' || heldLogprobs.length > 0) && (!holding || piece.finish)) {
        yield chunk({ content: held }, null, heldLogprobs)
        held = ''
        heldLogprobs = []
      }
      if (!piece.finish) continue
      finished = true
      yield chunk({}, calls ? 'tool_calls' : piece.finish)
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

function callId(): string {
  return `call_${randomId()}`
}
