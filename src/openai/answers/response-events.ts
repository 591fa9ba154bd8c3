/** Events of a streamed response. Each carries its `type`, also as the event's name, and a number that grows. */
import { z } from 'zod'
import { errorObject } from './error.ts'
import { count, named } from './parts.ts'
import { contentPart, outputAnnotation, outputItem, summaryPart } from './response-items.ts'
import { response, responseSoFar } from './responses.ts'

const text = z.string()
const item = { item_id: z.string(), output_index: count }
const part = { ...item, content_index: count }
const summary = { ...item, summary_index: count }
/** What a model reads and writes is told with its probabilities, where they were asked for. */
const logprobs = z.array(
  z.looseObject({
    token: z.string(),
    logprob: z.number(),
    top_logprobs: z.array(z.looseObject({ token: z.string().optional(), logprob: z.number().optional() })).optional(),
  }),
)

function event<Type extends string, Members extends z.ZodRawShape>(type: Type, members: Members) {
  return z.looseObject({ type: z.literal(type), sequence_number: count, ...members })
}

const ofResponse = [
  event('response.created', { response: responseSoFar }),
  event('response.queued', { response: responseSoFar }),
  event('response.in_progress', { response: responseSoFar }),
  event('response.completed', { response }),
  event('response.incomplete', { response }),
  event('response.failed', { response: responseSoFar }),
] as const

const ofText = [
  event('response.output_item.added', { output_index: count, item: outputItem }),
  event('response.output_item.done', { output_index: count, item: outputItem }),
  event('response.content_part.added', { ...part, part: contentPart }),
  event('response.content_part.done', { ...part, part: contentPart }),
  event('response.output_text.delta', { ...part, delta: text, logprobs }),
  event('response.output_text.done', { ...part, text, logprobs }),
  event('response.output_text.annotation.added', { ...part, annotation_index: count, annotation: outputAnnotation.nullable() }),
  event('response.refusal.delta', { ...part, delta: text }),
  event('response.refusal.done', { ...part, refusal: text }),
  event('response.reasoning_text.delta', { ...part, delta: text }),
  event('response.reasoning_text.done', { ...part, text }),
  event('response.reasoning_summary_part.added', { ...summary, part: summaryPart }),
  event('response.reasoning_summary_part.done', { ...summary, part: summaryPart, status: z.literal('incomplete').optional() }),
  event('response.reasoning_summary_text.delta', { ...summary, delta: text }),
  event('response.reasoning_summary_text.done', { ...summary, text }),
] as const

const ofCalls = [
  event('response.function_call_arguments.delta', { ...item, delta: text }),
  event('response.function_call_arguments.done', { ...item, name: text, arguments: text }),
  event('response.custom_tool_call_input.delta', { ...item, delta: text }),
  event('response.custom_tool_call_input.done', { ...item, input: text }),
  event('response.mcp_call_arguments.delta', { ...item, delta: text }),
  event('response.mcp_call_arguments.done', { ...item, arguments: text }),
  event('response.code_interpreter_call_code.delta', { ...item, delta: text }),
  event('response.code_interpreter_call_code.done', { ...item, code: text }),
] as const

/** Where a tool that the engine runs itself has got to. */
const ofHostedTools = [
  event('response.code_interpreter_call.in_progress', item),
  event('response.code_interpreter_call.interpreting', item),
  event('response.code_interpreter_call.completed', item),
  event('response.file_search_call.in_progress', item),
  event('response.file_search_call.searching', item),
  event('response.file_search_call.completed', item),
  event('response.web_search_call.in_progress', item),
  event('response.web_search_call.searching', item),
  event('response.web_search_call.completed', item),
  event('response.image_generation_call.in_progress', item),
  event('response.image_generation_call.generating', item),
  event('response.image_generation_call.partial_image', { ...item, partial_image_index: count, partial_image_b64: text }),
  event('response.image_generation_call.completed', item),
  event('response.mcp_call.in_progress', item),
  event('response.mcp_call.completed', item),
  event('response.mcp_call.failed', item),
  event('response.mcp_list_tools.in_progress', item),
  event('response.mcp_list_tools.completed', item),
  event('response.mcp_list_tools.failed', item),
  event('response.shell_call_command.added', { output_index: count, command_index: count, command: text }),
  event('response.shell_call_command.delta', { output_index: count, command_index: count, delta: text }),
  event('response.shell_call_command.done', { output_index: count, command_index: count, command: text }),
  event('response.shell_call_output_content.delta', { ...item, command_index: count, delta: z.looseObject({}) }),
  event('response.shell_call_output_content.done', { ...item, command_index: count, output: z.array(z.looseObject({})) }),
] as const

const ofSound = [
  event('response.audio.delta', { delta: text }),
  event('response.audio.done', { response_id: text }),
  event('response.audio.transcript.delta', { response_id: text, delta: text }),
  event('response.audio.transcript.done', { response_id: text }),
] as const

export const responseEvent = named(
  'ResponseEvent',
  'A piece of a streamed response.',
  z.discriminatedUnion('type', [
    ...ofResponse,
    ...ofText,
    ...ofCalls,
    ...ofHostedTools,
    ...ofSound,
    event('error', errorObject.omit({ type: true }).shape),
  ]),
)
