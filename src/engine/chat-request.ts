/** `POST /v1/chat/completions` as this engine takes it. What it does not know passes unread; what it cannot do is refused by name. */
import type { GbnfJsonSchema } from 'node-llama-cpp'
import { z } from 'zod'
import { refuseForeign } from './foreign-members.ts'
import { anyObject, lowerSchema } from './json-schema.ts'
import { badMember, count, type Delivery, readBody, readDelivery, readSampling, type Sampling, sharedMembers } from './members.ts'
import { readTools, type Tooling, toolMembers } from './tools.ts'

const text = z.string().max(1_000_000)
const part = z.looseObject({ type: z.literal('text', 'only text parts can be read by this model'), text })
const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([text, z.array(part).min(1)]).nullish(),
  function_call: z.null("calls are read from 'tool_calls'").optional(),
})
const format = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().regex(/^[\w-]{1,64}$/, 'a name of 1 to 64 letters, digits, _ and -'),
      schema: z.unknown().optional(),
    }),
  }),
])

const schema = z.looseObject({
  ...sharedMembers,
  messages: z.array(message).min(1).max(1024),
  ...toolMembers,
  max_tokens: count.nullish(),
  max_completion_tokens: count.nullish(),
  response_format: format.nullish(),
  modalities: z.array(z.literal('text', 'this model writes nothing but text')).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
})

export interface ChatRequest extends Delivery {
  readonly messages: readonly object[]
  readonly tooling: Tooling
  readonly maxTokens: number | undefined
  readonly sampling: Sampling
  /** What each answer must be; undefined for free text. */
  readonly jsonSchema: GbnfJsonSchema | undefined
}

/** Checks a parsed body. Throws {@link EngineError} `invalid-request`. */
export function readChatRequest(body: unknown): ChatRequest {
  const data = readBody(schema, body)
  refuseForeign(data)
  if (data.top_logprobs != null && !data.logprobs) throw badMember('top_logprobs', "only with 'logprobs': true")
  const tooling = readTools(data)
  const jsonSchema = readFormat(data.response_format)
  // A grammar lets no tool call through.
  if (jsonSchema && tooling.tools.length > 0)
    throw badMember('response_format', "this engine cannot hold an answer to it where 'tools' are given")
  return {
    ...readDelivery(data),
    messages: data.messages.map(plain),
    tooling,
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    sampling: readSampling(data, data.logprobs ? (data.top_logprobs ?? 0) : undefined),
    jsonSchema,
  }
}

/** Not every chat template knows the newer role, or content in parts. */
function plain(given: z.infer<typeof message>): object {
  const { role, content } = given
  return {
    ...given,
    role: role === 'developer' ? 'system' : role,
    ...(Array.isArray(content) ? { content: content.map(item => item.text).join('') } : {}),
  }
}

function readFormat(given: z.infer<typeof format> | null | undefined): GbnfJsonSchema | undefined {
  if (given?.type === 'json_object') return anyObject
  if (given?.type !== 'json_schema') return undefined
  return given.json_schema.schema == null ? anyObject : lowerSchema(given.json_schema.schema)
}
