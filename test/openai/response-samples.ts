/** Responses as they should be: the object, each item of its output, each event. The same rules as in samples.ts. */
import * as answers from '../../src/openai/answers/index.ts'
import { cost, type Json, type Sample } from './samples.ts'

export const responseUsage = {
  input_tokens: 3,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 8,
  cost,
}

const openResponse = {
  id: 'resp_1',
  object: 'response',
  created_at: 1_760_000_000,
  error: null,
  incomplete_details: null,
  instructions: null,
  model: 'm',
  output: [],
  parallel_tool_calls: true,
  tools: [],
  tool_choice: 'auto',
  temperature: null,
  top_p: null,
  metadata: null,
}
export const wholeResponse = { ...openResponse, usage: responseUsage }

const outputText = { type: 'output_text', text: 'a', annotations: [], logprobs: [] }
const text = 'a'
const status = 'completed'

/** Least members of each item by type, without `type`, and those of them that may not be any text. */
const items: Record<string, [least: Json, fixed?: readonly string[], free?: readonly string[]]> = {
  message: [
    { id: 'i', role: 'assistant', status, content: [outputText, { type: 'refusal', refusal: 'no' }] },
    ['role', 'status', 'content.0.type', 'content.1.type'],
  ],
  function_call: [{ call_id: 'c', name: 'f', arguments: '{}' }],
  custom_tool_call: [{ call_id: 'c', name: 'f', input: 'x' }],
  reasoning: [{ id: 'i', summary: [{ type: 'summary_text', text }] }, ['summary.0.type']],
  function_call_output: [{ id: 'i', call_id: 'c', output: 'x', status }, ['status']],
  custom_tool_call_output: [{ id: 'i', call_id: 'c', output: 'x', status }, ['status']],
  file_search_call: [{ id: 'i', status, queries: ['q'] }, ['status']],
  web_search_call: [{ id: 'i', status, action: {} }, ['status']],
  computer_call: [{ id: 'i', call_id: 'c', pending_safety_checks: [], status }, ['status']],
  computer_call_output: [{ id: 'i', call_id: 'c', output: {}, status }, ['status']],
  program: [{ id: 'i', call_id: 'c', code: 'x', fingerprint: 'x' }],
  program_output: [{ id: 'i', call_id: 'c', result: 'x', status }, ['status']],
  tool_search_call: [{ id: 'i', call_id: null, execution: 'server', arguments: {}, status }, ['execution', 'status'], ['arguments']],
  tool_search_output: [{ id: 'i', call_id: null, execution: 'server', tools: [], status }, ['execution', 'status']],
  additional_tools: [{ id: 'i', role: 'developer', tools: [] }],
  compaction: [{ id: 'i', encrypted_content: 'x' }],
  image_generation_call: [{ id: 'i', status, result: null }, ['status']],
  code_interpreter_call: [{ id: 'i', status, container_id: 'c', code: null, outputs: null }, ['status']],
  local_shell_call: [{ id: 'i', call_id: 'c', action: {}, status }, ['status']],
  local_shell_call_output: [{ id: 'i', call_id: 'c', output: 'x' }],
  shell_call: [{ id: 'i', call_id: 'c', action: {}, status, environment: null }, ['status']],
  shell_call_output: [{ id: 'i', call_id: 'c', status, output: [], max_output_length: null }, ['status']],
  apply_patch_call: [{ id: 'i', call_id: 'c', status, operation: {} }, ['status']],
  apply_patch_call_output: [{ id: 'i', call_id: 'c', status }, ['status']],
  mcp_call: [{ id: 'i', server_label: 's', name: 'n', arguments: '{}' }],
  mcp_list_tools: [{ id: 'i', server_label: 's', tools: [{ name: 'n', input_schema: {} }] }],
  mcp_approval_request: [{ id: 'i', server_label: 's', name: 'n', arguments: '{}' }],
  mcp_approval_response: [{ id: 'i', request_id: 'r', approval_request_id: 'a', approve: true }],
}

const item = { item_id: 'i', output_index: 0 }
const part = { ...item, content_index: 0 }
const summary = { ...item, summary_index: 0 }
const command = { output_index: 0, command_index: 0 }
const summaryPart = { type: 'summary_text', text }
const inResponse = ['response.object', 'response.tool_choice']
const counted: [Json, readonly string[]] = [{ response: wholeResponse }, [...inResponse, 'response.usage.cost']]
const open: [Json, readonly string[]] = [{ response: openResponse }, inResponse]
const added: [Json, readonly string[]] = [
  { output_index: 0, item: { type: 'function_call', call_id: 'c', name: 'f', arguments: '' } },
  ['item.type'],
]
const withPart: [Json, readonly string[]] = [{ ...part, part: outputText }, ['part.type']]
const logprobs = [{ token: 'a', logprob: -1 }]

/** The same of each event, without `type` and `sequence_number`. */
const events: Record<string, [least: Json, fixed?: readonly string[]]> = {
  'response.created': open,
  'response.queued': open,
  'response.in_progress': open,
  'response.failed': open,
  'response.completed': counted,
  'response.incomplete': counted,
  'response.output_item.added': added,
  'response.output_item.done': added,
  'response.content_part.added': withPart,
  'response.content_part.done': withPart,
  'response.output_text.delta': [{ ...part, delta: text, logprobs }],
  'response.output_text.done': [{ ...part, text, logprobs }],
  'response.output_text.annotation.added': [{ ...part, annotation_index: 0, annotation: null }],
  'response.refusal.delta': [{ ...part, delta: text }],
  'response.refusal.done': [{ ...part, refusal: text }],
  'response.reasoning_text.delta': [{ ...part, delta: text }],
  'response.reasoning_text.done': [{ ...part, text }],
  'response.reasoning_summary_part.added': [{ ...summary, part: summaryPart }, ['part.type']],
  'response.reasoning_summary_part.done': [{ ...summary, part: summaryPart }, ['part.type']],
  'response.reasoning_summary_text.delta': [{ ...summary, delta: text }],
  'response.reasoning_summary_text.done': [{ ...summary, text }],
  'response.function_call_arguments.delta': [{ ...item, delta: text }],
  'response.function_call_arguments.done': [{ ...item, name: 'f', arguments: '{}' }],
  'response.custom_tool_call_input.delta': [{ ...item, delta: text }],
  'response.custom_tool_call_input.done': [{ ...item, input: text }],
  'response.mcp_call_arguments.delta': [{ ...item, delta: text }],
  'response.mcp_call_arguments.done': [{ ...item, arguments: '{}' }],
  'response.code_interpreter_call_code.delta': [{ ...item, delta: text }],
  'response.code_interpreter_call_code.done': [{ ...item, code: text }],
  ...Object.fromEntries(
    [
      ...['code_interpreter_call.in_progress', 'code_interpreter_call.interpreting', 'code_interpreter_call.completed'],
      ...['file_search_call.in_progress', 'file_search_call.searching', 'file_search_call.completed'],
      ...['web_search_call.in_progress', 'web_search_call.searching', 'web_search_call.completed'],
      ...['image_generation_call.in_progress', 'image_generation_call.generating', 'image_generation_call.completed'],
      ...['mcp_call.in_progress', 'mcp_call.completed', 'mcp_call.failed'],
      ...['mcp_list_tools.in_progress', 'mcp_list_tools.completed', 'mcp_list_tools.failed'],
    ].map((type): [string, [Json]] => [`response.${type}`, [item]]),
  ),
  'response.image_generation_call.partial_image': [{ ...item, partial_image_index: 0, partial_image_b64: 'AAAA' }],
  'response.shell_call_command.added': [{ ...command, command: 'ls' }],
  'response.shell_call_command.delta': [{ ...command, delta: text }],
  'response.shell_call_command.done': [{ ...command, command: 'ls' }],
  'response.shell_call_output_content.delta': [{ ...item, command_index: 0, delta: {} }],
  'response.shell_call_output_content.done': [{ ...item, command_index: 0, output: [] }],
  'response.audio.delta': [{ delta: 'AAAA' }],
  'response.audio.done': [{ response_id: 'r' }],
  'response.audio.transcript.delta': [{ response_id: 'r', delta: text }],
  'response.audio.transcript.done': [{ response_id: 'r' }],
  error: [{ code: null, message: 'm', param: null }],
}

export const responseSamples: readonly Sample[] = [
  {
    name: 'a response',
    schema: answers.response,
    least: wholeResponse,
    more: {
      ...wholeResponse,
      status: 'completed',
      completed_at: 1_760_000_001,
      incomplete_details: { reason: 'max_output_tokens' },
      error: { code: 'server_error', message: 'm' },
      instructions: 'be brief',
      tools: [{ type: 'function', name: 'f' }],
      temperature: 1,
      top_p: 1,
      metadata: { a: 'b' },
      max_output_tokens: 5,
      truncation: 'disabled',
      service_tier: 'default',
      reasoning: { effort: null },
      text: { format: { type: 'text' } },
      store: false,
    },
    free: ['tools.0.name', 'reasoning.effort', 'text.format', 'text.format.type'],
    fixed: ['object', 'tool_choice', 'status', 'error.code', 'incomplete_details.reason', 'truncation', 'service_tier', 'usage.cost'],
  },
  ...Object.entries(items).map(([type, [least, fixed = [], free = []]]) => ({
    free,
    name: `an item ${type}`,
    schema: answers.outputItem,
    least: { type, ...least },
    fixed: ['type', ...fixed],
  })),
  ...Object.entries(events).map(([type, [least, fixed = []]]) => ({
    name: `an event ${type}`,
    schema: answers.responseEvent,
    least: { type, sequence_number: 0, ...least },
    fixed: ['type', ...fixed],
  })),
]
