/**
 * What an engine says, read as far as the agent has to: is it OpenAI's form at all, how much text is in it, has it finished,
 * and which counts does it claim. Everything else passes unread.
 */
import type { Body } from '../../openai/index.ts'
import { parseJson } from '../engine-json.ts'
import { AgentError } from '../errors.ts'
import { isRecord } from './body.ts'

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

/** Chat: `delta` and `message` objects; text: `choices[].text`, in chunks and whole. */
export type Form = 'chat' | 'text'

export interface Piece {
  readonly choices: readonly Choice[]
  /** The `usage` member as it came; undefined where there is none. */
  readonly usage: unknown
  readonly object: Readonly<Record<string, unknown>>
}

/** Reads a chunk of a stream of at most `most` choices. Throws {@link AgentError} `engine-garbage`, or `engine-refused` where it carries an error. */
export function readChunk(value: unknown, form: Form, most: number): Piece {
  return readPiece(value, form === 'chat' ? 'delta' : undefined, most)
}

/** Reads a whole answer. Throws as {@link readChunk}. */
export function readAnswer(value: unknown, form: Form, most: number): Piece {
  const piece = readPiece(value, form === 'chat' ? 'message' : undefined, most)
  if (piece.choices.length === 0) throw garbage('an answer without choices')
  return piece
}

type TextMember = 'delta' | 'message' | undefined

function readPiece(value: unknown, textMember: TextMember, most: number): Piece {
  if (!isRecord(value)) throw garbage('no object')
  refuseError(value)
  if (!Array.isArray(value.choices) || value.choices.length > most) throw garbage('no list of choices')
  return {
    choices: value.choices.map((choice: unknown, position) => readChoice(choice, position, textMember, most)),
    usage: value.usage,
    object: value,
  }
}

/** A whole answer that is an object. Throws `AgentError` `engine-garbage`, or `engine-refused` where it carries an error. */
export function readObject(bytes: Buffer): Body {
  const value = parseJson(bytes)
  if (!isRecord(value)) throw garbage('no object')
  refuseError(value)
  return value
}

/** An engine may report an error inside a 200 answer. Throws `AgentError` `engine-refused`. */
export function refuseError(value: Readonly<Record<string, unknown>>): void {
  if (!value.error) return
  const body = Buffer.from(JSON.stringify(value))
  throw new AgentError('engine-refused', 'the engine reported an error in its answer', { status: 500, body })
}

function readChoice(value: unknown, position: number, textMember: TextMember, most: number): Choice {
  if (!isRecord(value)) throw garbage('a choice that is no object')
  const text = textMember === undefined ? { content: value.text } : (value[textMember] ?? {})
  if (!isRecord(text)) throw garbage(`a ${textMember} that is no object`)
  const index = value.index ?? position
  if (!Number.isSafeInteger(index) || (index as number) < 0 || (index as number) >= most) throw garbage('a choice with a wrong index')
  const finishReason = typeof value.finish_reason === 'string' && value.finish_reason !== '' ? value.finish_reason : undefined
  // Vendors name the reasoning one way or the other, some both ways with the same text.
  const reasoningBytes = Math.max(textSize(text.reasoning_content), textSize(text.reasoning))
  return {
    index: index as number,
    finishReason,
    completionBytes: [text.content, text.refusal, text.function_call, text.tool_calls, text.audio].reduce<number>(
      (sum, part) => sum + textSize(part),
      0,
    ),
    reasoningBytes,
  }
}

/** Bytes of a text; of a tool call, those of all texts within it (`function.name`, `function.arguments`, `id`, ...). */
export function textSize(value: unknown, depth = 0): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null || depth > 8) return 0
  let sum = 0
  for (const member of Object.values(value)) sum += textSize(member, depth + 1)
  return sum
}

export function garbage(what: string): AgentError {
  return new AgentError('engine-garbage', `the engine sent something that is no answer: ${what}`)
}
