/**
 * Items of a response's output. What a text model makes (messages, calls of functions and custom tools, reasoning) is
 * described whole; of tools that some engines run themselves, the members that OpenAI requires.
 */
import { z } from 'zod'
import { count, named, tokenLogprob } from './parts.ts'

const id = z.string()
const status = z.enum(['in_progress', 'completed', 'incomplete'])

const annotation = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('file_citation'), file_id: id, index: count, filename: z.string() }),
  z.looseObject({ type: z.literal('url_citation'), url: z.string(), start_index: count, end_index: count, title: z.string() }),
  z.looseObject({
    type: z.literal('container_file_citation'),
    container_id: id,
    file_id: id,
    start_index: count,
    end_index: count,
    filename: z.string(),
  }),
  z.looseObject({ type: z.literal('file_path'), file_id: id, index: count }),
])

const outputText = z.looseObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(annotation),
  logprobs: z.array(tokenLogprob),
})
const refusal = z.looseObject({ type: z.literal('refusal'), refusal: z.string() })
const reasoningText = z.looseObject({ type: z.literal('reasoning_text'), text: z.string() })

/** A part of a message's content. */
export const contentPart = named(
  'ResponseContentPart',
  'A part of what was said.',
  z.discriminatedUnion('type', [outputText, refusal, reasoningText]),
)

export const outputAnnotation = named('ResponseAnnotation', 'Where a text is from.', annotation)
export const summaryPart = z.looseObject({ type: z.literal('summary_text'), text: z.string() })

const made = [
  z.looseObject({
    type: z.literal('message'),
    id,
    role: z.literal('assistant'),
    status,
    content: z.array(z.discriminatedUnion('type', [outputText, refusal])),
    phase: z.enum(['commentary', 'final_answer']).nullish(),
  }),
  z.looseObject({
    type: z.literal('function_call'),
    id: id.optional(),
    call_id: id,
    name: z.string(),
    arguments: z.string(),
    status: status.optional(),
  }),
  z.looseObject({ type: z.literal('custom_tool_call'), id: id.optional(), call_id: id, name: z.string(), input: z.string() }),
  z.looseObject({
    type: z.literal('reasoning'),
    id,
    summary: z.array(summaryPart),
    content: z.array(reasoningText).optional(),
    encrypted_content: z.string().nullish(),
    status: status.optional(),
  }),
] as const

const object = z.looseObject({ type: z.string().optional() })
const anyStatus = z.enum(['in_progress', 'searching', 'generating', 'interpreting', 'completed', 'incomplete', 'failed', 'calling'])

/** A tool that the engine runs itself. */
function hosted<Type extends string, Members extends z.ZodRawShape>(type: Type, members: Members) {
  return z.looseObject({ type: z.literal(type), id, ...members })
}

const hostedTools = [
  hosted('function_call_output', { call_id: id, output: z.union([z.string(), z.array(object)]), status }),
  hosted('custom_tool_call_output', { call_id: id, output: z.union([z.string(), z.array(object)]), status }),
  hosted('file_search_call', { status: anyStatus, queries: z.array(z.string()) }),
  hosted('web_search_call', { status: anyStatus, action: object }),
  hosted('computer_call', { call_id: id, pending_safety_checks: z.array(object), status }),
  hosted('computer_call_output', { call_id: id, output: object, status: anyStatus }),
  hosted('program', { call_id: id, code: z.string(), fingerprint: z.string() }),
  hosted('program_output', { call_id: id, result: z.string(), status: anyStatus }),
  hosted('tool_search_call', {
    call_id: id.nullable(),
    execution: z.enum(['server', 'client']),
    arguments: z.unknown(),
    status: anyStatus,
  }),
  hosted('tool_search_output', {
    call_id: id.nullable(),
    execution: z.enum(['server', 'client']),
    tools: z.array(object),
    status: anyStatus,
  }),
  hosted('additional_tools', { role: z.string(), tools: z.array(object) }),
  hosted('compaction', { encrypted_content: z.string() }),
  hosted('image_generation_call', { status: anyStatus, result: z.string().nullable() }),
  hosted('code_interpreter_call', {
    status: anyStatus,
    container_id: id,
    code: z.string().nullable(),
    outputs: z.array(object).nullable(),
  }),
  hosted('local_shell_call', { call_id: id, action: object, status }),
  hosted('local_shell_call_output', { call_id: id, output: z.string() }),
  hosted('shell_call', { call_id: id, action: z.looseObject({}), status, environment: object.nullable() }),
  hosted('shell_call_output', { call_id: id, status, output: z.array(z.looseObject({})), max_output_length: count.nullable() }),
  hosted('apply_patch_call', { call_id: id, status: z.enum(['in_progress', 'completed']), operation: object }),
  hosted('apply_patch_call_output', { call_id: id, status: z.enum(['completed', 'failed']) }),
  hosted('mcp_call', { server_label: z.string(), name: z.string(), arguments: z.string(), status: anyStatus.optional() }),
  hosted('mcp_list_tools', {
    server_label: z.string(),
    tools: z.array(z.looseObject({ name: z.string(), input_schema: z.looseObject({}) })),
  }),
  hosted('mcp_approval_request', { server_label: z.string(), name: z.string(), arguments: z.string() }),
  hosted('mcp_approval_response', { request_id: id, approval_request_id: id, approve: z.boolean() }),
] as const

export const outputItem = named('ResponseItem', 'An item of a response’s output.', z.discriminatedUnion('type', [...made, ...hostedTools]))
