import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import {
  choiceCount,
  contentPart,
  hasMediaParts,
  metadata,
  modelId,
  sampling,
  stream,
  streamOptions,
  tokenLimit,
  usageAsked,
  user,
} from './members.ts'

const toolCall = z.looseObject({
  id: z.string().optional(),
  type: z.string().optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }).optional(),
})

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([z.string(), z.array(contentPart)]).nullish(),
  name: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
})

const tool = z.looseObject({
  type: z.string(),
  function: z
    .looseObject({
      name: z.string().min(1).max(128),
      description: z.string().nullish(),
      parameters: z.looseObject({}).nullish(),
      strict: z.boolean().nullish(),
    })
    .optional(),
})

const request = z.looseObject({
  model: modelId,
  messages: z.array(message).min(1),
  ...sampling,
  stream,
  stream_options: streamOptions,
  max_completion_tokens: tokenLimit.nullish().describe('The most tokens of each answer, reasoning included.'),
  max_tokens: tokenLimit.nullish().describe('The older name of `max_completion_tokens`.'),
  n: choiceCount.nullish().describe('How many answers to make.'),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: z
    .looseObject({
      type: z.string().describe('`text`, `json_object` or `json_schema`.'),
      json_schema: z.looseObject({ name: z.string().optional(), schema: z.looseObject({}).optional() }).optional(),
    })
    .nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning_effort: z.string().nullish(),
  metadata,
  user,
  safety_identifier: user,
})

export const chatCompletions = defineEndpoint({
  path: '/v1/chat/completions',
  summary: 'Answers a chat.',
  request,
  lastEvent: ['data: [DONE]'],
  own: body => {
    const maxTokens = body.max_completion_tokens ?? body.max_tokens
    return {
      stream: body.stream ?? false,
      hasMedia: hasMediaParts(body.messages),
      generates: { choices: body.n ?? 1, ...(maxTokens == null ? {} : { maxTokens }) },
      ...usageAsked(body.stream_options),
    }
  },
})
