/** Answers of `POST /v1/chat/completions`: whole, and as chunks of a stream. */
import { z } from 'zod'
import { count, named, serviceTier, tokenLogprob, unixSeconds } from './parts.ts'
import { completionUsage } from './usage.ts'

const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call'])

const toolCall = named(
  'ToolCall',
  'A call of one of the request’s tools.',
  z.discriminatedUnion('type', [
    z.looseObject({
      id: z.string(),
      type: z.literal('function'),
      function: z.looseObject({
        name: z.string(),
        arguments: z.string().describe('JSON, as the model wrote it: check it before use.'),
      }),
    }),
    z.looseObject({ id: z.string(), type: z.literal('custom'), custom: z.looseObject({ name: z.string(), input: z.string() }) }),
  ]),
)

/** Reasoning as engines send it, under one name or the other. */
const reasoning = {
  reasoning_content: z.string().nullish().describe('The model’s reasoning, where the engine keeps it apart.'),
  reasoning: z.string().nullish().describe('The same under the name that other engines use.'),
}

const audio = z.looseObject({ id: z.string(), expires_at: z.int(), data: z.string(), transcript: z.string() })

const annotation = z.looseObject({
  type: z.literal('url_citation'),
  url_citation: z.looseObject({ start_index: count, end_index: count, url: z.string(), title: z.string() }),
})

const message = named(
  'ChatMessage',
  'What the model answers.',
  z.looseObject({
    role: z.literal('assistant'),
    content: z.string().nullable(),
    refusal: z.string().nullable(),
    tool_calls: z.array(toolCall).optional(),
    function_call: z.looseObject({ name: z.string(), arguments: z.string() }).nullish().describe('The old form of a tool call.'),
    annotations: z.array(annotation).nullish(),
    audio: audio.nullish(),
    ...reasoning,
  }),
)

const choiceLogprobs = z.looseObject({ content: z.array(tokenLogprob).nullable(), refusal: z.array(tokenLogprob).nullable() })

/** The whole answer. */
export const chatCompletion = named(
  'ChatCompletion',
  'The answer to a chat.',
  z.looseObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: unixSeconds,
    model: z.string(),
    choices: z.array(
      z
        .looseObject({ index: count, message, logprobs: choiceLogprobs.nullable(), finish_reason: finishReason })
        .describe('One for each of `n`.'),
    ),
    usage: completionUsage,
    system_fingerprint: z.string().nullish(),
    service_tier: serviceTier.optional(),
    metadata: z.record(z.string(), z.string()).nullish(),
  }),
)

const toolCallPiece = z.looseObject({
  index: count,
  id: z.string().optional().describe('In the first piece of a call only.'),
  type: z.literal('function').optional(),
  function: z.looseObject({ name: z.string().optional(), arguments: z.string().optional() }).optional(),
})

const delta = named(
  'ChatDelta',
  'What a chunk adds to a choice.',
  z.looseObject({
    role: z.enum(['developer', 'system', 'user', 'assistant', 'tool']).optional(),
    content: z.string().nullish(),
    refusal: z.string().nullish(),
    tool_calls: z.array(toolCallPiece).optional(),
    function_call: z.looseObject({ name: z.string().optional(), arguments: z.string().optional() }).optional(),
    ...reasoning,
  }),
)

/** One event of a stream. */
export const chatCompletionChunk = named(
  'ChatCompletionChunk',
  'A piece of a streamed chat. All pieces of one answer have the same `id`, `created` and `model`.',
  z.looseObject({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: unixSeconds,
    model: z.string(),
    choices: z
      .array(z.looseObject({ index: count, delta, logprobs: choiceLogprobs.nullish(), finish_reason: finishReason.nullable() }))
      .describe('Empty in the last chunk of a stream that was asked for usage.'),
    usage: completionUsage.nullish().describe('Where `stream_options.include_usage` asks for it: null until the last chunk.'),
    system_fingerprint: z.string().nullish(),
    service_tier: serviceTier.optional(),
    obfuscation: z.string().optional(),
  }),
)
