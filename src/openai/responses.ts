import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { hasMediaParts, metadata, modelId, sampling, stream, tokenLimit, user } from './members.ts'

const unstored = 'is not possible: answers are kept nowhere. Send the whole input, without it'

const request = z.looseObject({
  model: modelId,
  input: z.union([z.string().min(1), z.array(z.looseObject({})).min(1)]).describe('A text, or items of a conversation.'),
  instructions: z.string().nullish(),
  temperature: sampling.temperature,
  top_p: sampling.top_p,
  stream,
  max_output_tokens: tokenLimit.nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).optional() }).nullish(),
  reasoning: z.looseObject({}).nullish(),
  metadata,
  user,
  safety_identifier: user,
  store: z.literal(false, { error: unstored }).nullish(),
  background: z.literal(false, { error: unstored }).nullish(),
  previous_response_id: z.null({ error: unstored }).optional(),
  conversation: z.null({ error: unstored }).optional(),
  prompt: z.null({ error: unstored }).optional(),
})

export const responses = defineEndpoint({
  path: '/v1/responses',
  summary: 'Makes a response. Nothing is stored, so members that need a stored response are refused.',
  request,
  lastEvent: ['event: response.completed', 'event: response.incomplete'],
  own: body => ({
    stream: body.stream ?? false,
    hasMedia: hasMediaParts(body.input),
    generates: { choices: 1, ...(body.max_output_tokens == null ? {} : { maxTokens: body.max_output_tokens }) },
    asksUsage: true,
  }),
})
