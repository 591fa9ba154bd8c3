/**
 * What an engine says, read as far as the agent has to: is it OpenAI's form at all, how much text is in it, has it finished,
 * and which counts does it claim. Everything else passes unread.
 */
import { AgentError } from './errors.ts'

/** Bytes of text in one piece of an answer, by what they are billed as. */
export interface Observed {
  readonly completionBytes: number
  readonly reasoningBytes: number
}

/** A choice of a chunk or of a whole answer. */
export interface Choice extends Observed {
  readonly index: number
  readonly finishReason: string | undefined
}

export interface ChatPiece {
  readonly choices: readonly Choice[]
  /** The `usage` member as it came; undefined where there is none. */
  readonly usage: unknown
  readonly object: Readonly<Record<string, unknown>>
}

const maxChoices = 1_024

/** Reads a `chat.completion.chunk`. Throws {@link AgentError} `engine-garbage`, or `engine-refused` where it carries an error. */
export function readChunk(value: unknown): ChatPiece {
  return readPiece(value, 'delta')
}

/** Reads a `chat.completion`. Throws as {@link readChunk}. */
export function readAnswer(value: unknown): ChatPiece {
  const piece = readPiece(value, 'message')
  if (piece.choices.length === 0) throw garbage('an answer without choices')
  return piece
}

function readPiece(value: unknown, textMember: 'delta' | 'message'): ChatPiece {
  if (!isRecord(value)) throw garbage('no object')
  if (value.error)
    throw new AgentError('engine-refused', 'the engine reported an error in its answer', {
      status: 500,
      body: Buffer.from(JSON.stringify(value)),
    })
  if (!Array.isArray(value.choices) || value.choices.length > maxChoices) throw garbage('no list of choices')
  return {
    choices: value.choices.map((choice: unknown, position) => readChoice(choice, position, textMember)),
    usage: value.usage,
    object: value,
  }
}

function readChoice(value: unknown, position: number, textMember: 'delta' | 'message'): Choice {
  if (!isRecord(value)) throw garbage('a choice that is no object')
  const text = value[textMember] ?? {}
  if (!isRecord(text)) throw garbage(`a ${textMember} that is no object`)
  const index = value.index ?? position
  if (!Number.isSafeInteger(index) || (index as number) < 0 || (index as number) >= maxChoices) throw garbage('a choice with a wrong index')
  const finishReason = typeof value.finish_reason === 'string' && value.finish_reason !== '' ? value.finish_reason : undefined
  // Vendors name the reasoning one way or the other, some both ways with the same text.
  const reasoningBytes = Math.max(size(text.reasoning_content), size(text.reasoning))
  return {
    index: index as number,
    finishReason,
    completionBytes: size(text.content) + size(text.refusal) + size(text.function_call) + size(text.tool_calls),
    reasoningBytes,
  }
}

/** Bytes of a text; of a tool call, those of all texts within it (`function.name`, `function.arguments`, `id`, ...). */
function size(value: unknown, depth = 0): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null || depth > 8) return 0
  let sum = 0
  for (const member of Object.values(value)) sum += size(member, depth + 1)
  return sum
}

function garbage(what: string): AgentError {
  return new AgentError('engine-garbage', `the engine sent something that is no answer: ${what}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
