/** One choice of a chat, piece by piece. Text that may be a call of a tool is held until it is clear what it is. */
import type { LlamaGrammar, Token } from 'node-llama-cpp'
import { generate, type Piece, type Task } from './generate.ts'
import type { TokenLogprob } from './logprobs.ts'
import type { Model } from './model.ts'
import { closing, mayBeToolCall, opening, parseToolCalls, type ToolCall } from './tool-calls.ts'
import { randomId } from './wire.ts'

export interface ChatTask {
  readonly task: Task
  /** Undefined where nothing may be called. */
  readonly calling: Calling | undefined
}

export interface Calling {
  readonly required: boolean
  readonly parallel: boolean
  /** Holds a call to its form; undefined where the model writes it freely. */
  readonly grammar: LlamaGrammar | undefined
  /** The tokens of what opens a call. */
  readonly opening: readonly Token[]
}

export interface ChatPiece {
  /** To be sent now; may be empty. */
  readonly text: string
  /** All calls of the choice, in place of text, in its last piece. */
  readonly calls: readonly ToolCall[] | undefined
  readonly logprobs: readonly TokenLogprob[]
  /** Tokens sampled so far. */
  readonly completionTokens: number
  /** Only in the last piece. */
  readonly finish: 'stop' | 'length' | 'tool_calls' | undefined
}

/** Makes a choice. Ends when it does, or when `signal` is aborted. */
export async function* speak(model: Model, { task, calling }: ChatTask, signal: AbortSignal): AsyncGenerator<ChatPiece, void, void> {
  let text = calling?.required ? opening : ''
  let logprobs: TokenLogprob[] = []
  let isHeld = calling !== undefined
  for await (const piece of calling ? written(model, task, calling, signal) : generate(model, task, signal)) {
    text += piece.text
    logprobs.push(...piece.logprobs)
    isHeld &&= mayBeToolCall(text)
    const { completionTokens } = piece
    const isEnough = isHeld && calling?.parallel === false && text.includes(closing)
    const finish = isEnough ? 'stop' : piece.finish
    if (isHeld && !finish) {
      yield { text: '', calls: undefined, logprobs: [], completionTokens, finish }
      continue
    }
    const calls = isHeld ? callsIn(text, isEnough) : undefined
    yield { text: calls ? '' : text, calls, logprobs, completionTokens, finish: calls ? 'tool_calls' : finish }
    if (finish) return
    text = ''
    logprobs = []
  }
}

/** What the model writes where it may call: a call that is held to a form is begun by us where it is demanded, else by the model. */
async function* written(
  model: Model,
  task: Task,
  { required, grammar, opening: begun }: Calling,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const call = (limit: number): Task => ({ ...task, prompt: [...task.prompt, ...begun], limit, grammar })
  if (required) yield* generate(model, call(task.limit), signal)
  else if (!grammar) yield* generate(model, task, signal)
  else {
    let text = ''
    let made = 0
    for await (const piece of generate(model, task, signal)) {
      text += piece.text
      made = piece.completionTokens
      const isCall = text.startsWith(opening)
      // The grammar goes on from the mark alone.
      yield isCall ? { ...piece, text: piece.text.slice(0, piece.text.length - (text.length - opening.length)), finish: undefined } : piece
      if (isCall) break
    }
    if (!text.startsWith(opening)) return
    for await (const piece of generate(model, call(task.limit - made), signal))
      yield { ...piece, completionTokens: made + piece.completionTokens }
  }
}

/** The model ends its turn where it may leave out the closing mark. */
function callsIn(text: string, firstOnly: boolean): ToolCall[] | undefined {
  const whole = firstOnly ? text.slice(0, text.indexOf(closing) + closing.length) : text
  return parseToolCalls(whole, callId) ?? (whole.startsWith(opening) ? parseToolCalls(whole + closing, callId) : undefined)
}

function callId(): string {
  return `call_${randomId()}`
}
