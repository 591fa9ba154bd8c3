/** An answer in OpenAI's form: one JSON object, or chunks as they come. */
import { randomBytes } from 'node:crypto'
import type { ChatRequest } from './chat-request.ts'
import type { Generation, Piece } from './generate.ts'
import { mayBeToolCall, parseToolCalls, type ToolCall } from './tool-calls.ts'

/** What an answer's parts have in common. */
interface Frame {
  readonly id: string
  readonly created: number
  readonly model: string
}

type Delta = { role?: 'assistant'; content?: string; tool_calls?: (ToolCall & { index: number })[] }

/** Makes the whole answer. */
export async function completion(request: ChatRequest, generation: Generation, model: string, signal: AbortSignal): Promise<object> {
  let text = ''
  let last: Piece | undefined
  for await (const piece of generation.pieces(signal)) {
    text += piece.text
    last = piece
  }
  signal.throwIfAborted()
  const calls = request.tools.length > 0 ? parseToolCalls(text, callId) : undefined
  const message = { role: 'assistant', content: calls ? null : text, refusal: null, ...(calls ? { tool_calls: calls } : {}) }
  const choice = { index: 0, message, logprobs: null, finish_reason: calls ? 'tool_calls' : last!.finish }
  return { ...frame(model), object: 'chat.completion', choices: [choice], usage: usageOf(generation, last!), system_fingerprint: null }
}

/** Makes the events of a streamed answer, `[DONE]` last. With tools, text that may be a call is held until it is clear. */
export async function* events(
  request: ChatRequest,
  generation: Generation,
  model: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const shared = frame(model)
  const usage = (piece: Piece | undefined) =>
    request.continuousUsage || request.includeUsage ? { usage: request.continuousUsage ? usageOf(generation, piece) : null } : {}
  const chunk = (delta: Delta, finish: string | null, piece: Piece | undefined) =>
    event({
      ...shared,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      system_fingerprint: null,
      ...usage(piece),
    })
  yield chunk({ role: 'assistant', content: '' }, null, undefined)
  let held = ''
  let holding = request.tools.length > 0
  for await (const piece of generation.pieces(signal)) {
    held += piece.text
    if (holding && !mayBeToolCall(held)) holding = false
    const calls = piece.finish && holding ? parseToolCalls(held, callId) : undefined
    if (calls) yield chunk({ tool_calls: calls.map((call, index) => ({ index, ...call })) }, null, piece)
    else if (held !== '' && (!holding || piece.finish)) {
      yield chunk({ content: held }, null, piece)
      held = ''
    }
    if (!piece.finish) continue
    yield chunk({}, calls ? 'tool_calls' : piece.finish, piece)
    if (request.includeUsage)
      yield event({ ...shared, object: 'chat.completion.chunk', choices: [], usage: usageOf(generation, piece), system_fingerprint: null })
    yield 'data: [DONE]\n\n'
  }
}

function frame(model: string): Frame {
  return { id: `chatcmpl-${randomBytes(12).toString('hex')}`, created: Math.floor(Date.now() / 1000), model }
}

function callId(): string {
  return `call_${randomBytes(12).toString('hex')}`
}

function usageOf({ promptTokens }: Generation, piece: Piece | undefined): object {
  const completionTokens = piece?.completionTokens ?? 0
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  }
}

function event(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`
}
