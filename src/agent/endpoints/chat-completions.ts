/** `POST /v1/chat/completions`. */
import { refusal } from '../errors.ts'
import { type Body, hasMediaParts, isCount, jsonBody, optional, parseBody, streamOptions, usageOptions } from './body.ts'
import { choiceAnswer } from './choice-answer.ts'
import { ChoiceStream } from './choice-stream.ts'
import type { Ask, Endpoint, Promised } from './endpoint.ts'

const maxChoices = 128

export const chatCompletions: Endpoint = {
  path: '/v1/chat/completions',
  takes: 'application/json',
  read: readChat,
  accepts: (contentType, { stream }) => contentType === (stream ? 'text/event-stream' : 'application/json'),
  answersAs: (_, { stream }) => (stream ? 'text/event-stream; charset=utf-8' : 'application/json'),
  reader: options => (options.facts.stream ? new ChoiceStream({ ...options, form: 'chat' }) : choiceAnswer({ ...options, form: 'chat' })),
}

/** Reads a chat. Throws `AgentError` `refused` that names the member at fault and repeats nothing else. */
export function readChat(bytes: Buffer, _contentType: string, promised: Promised): Ask {
  const body = parseBody(bytes, promised)
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    throw refusal(400, null, "'messages' must be an array that is not empty.", 'messages')
  const longer = optional(body, 'max_completion_tokens', isCount, 'a positive integer')
  const older = optional(body, 'max_tokens', isCount, 'a positive integer')
  const choices = optional(body, 'n', isCount, 'a positive integer') ?? 1
  if (choices > maxChoices) throw refusal(400, null, `'n' is larger than ${maxChoices}.`, 'n')
  const maxTokens = longer ?? older
  return {
    facts: {
      stream: promised.stream,
      inputs: 1,
      hasMedia: hasMediaParts(body.messages),
      generates: { choices, ...(maxTokens === undefined ? {} : { maxTokens }) },
      units: {},
      ...usageOptions(body),
    },
    write: (most, salt) => jsonBody(limited(streaming(body, promised.stream), most), salt),
  }
}

/** A stream asks for usage; anything else may not say `stream_options`. */
export function streaming(body: Body, stream: boolean): Record<string, unknown> {
  const { stream_options: _, ...rest } = body
  return stream ? { ...body, stream_options: streamOptions(body) } : rest
}

function limited(body: Record<string, unknown>, maxTokens: number | undefined): Body {
  if (maxTokens === undefined) return body
  if (body.max_completion_tokens != null) body.max_completion_tokens = maxTokens
  if (body.max_tokens != null || body.max_completion_tokens == null) body.max_tokens = maxTokens
  return body
}
