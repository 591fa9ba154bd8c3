/** What a response is charged for, whole and streamed, where more is in it than text. */
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { event } from '../support/scripted/script.ts'
import { askAt, setUp } from './fixture.ts'

const call = {
  id: 'fc_1',
  type: 'function_call',
  status: 'completed',
  call_id: 'call_1',
  name: 'get_the_weather_of_the_next_days',
  arguments: '{}',
}
const usage = {
  input_tokens: 12,
  output_tokens: 24,
  total_tokens: 36,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens_details: { reasoning_tokens: 0 },
}
const response = (status: string, more: object) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_760_000_000,
  status,
  model: 'scripted',
  output: [],
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  ...more,
})

/** Calls a function with a long name and no arguments, of which a stream has few bytes in its deltas. */
async function calls(request: { body: Record<string, unknown> }, engine: ServerResponse): Promise<void> {
  const whole = response('completed', { output: [call], usage })
  if (request.body.stream !== true) {
    engine.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole))
    return
  }
  const at = { output_index: 0, item_id: 'fc_1' }
  const told: { type: string; [member: string]: unknown }[] = [
    { type: 'response.created', response: response('in_progress', { usage: null }) },
    { type: 'response.output_item.added', output_index: 0, item: { ...call, status: 'in_progress', arguments: '' } },
    { type: 'response.function_call_arguments.delta', ...at, delta: '{}' },
    { type: 'response.function_call_arguments.done', ...at, name: call.name, arguments: '{}' },
    { type: 'response.output_item.done', output_index: 0, item: call },
    { type: 'response.completed', response: whole },
  ]
  engine.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const [index, each] of told.entries()) engine.write(event({ sequence_number: index, ...each }, each.type))
  engine.end()
}

test.each([false, true])('an honest count of a function call is believed, though its arguments are short (stream: %s)', async stream => {
  const { client } = await setUp({ custom: calls })
  const body = { model: 'scripted', input: 'How is the weather?', ...(stream ? { stream } : {}) }
  const answer = await askAt(client, { path: '/v1/responses', stream, body })
  expect(answer).toMatchObject({ finish: 'stop', defect: undefined })
  expect(answer.receipt?.usage).toEqual({ prompt: 12, cached: 0, completion: 24, reasoning: 0 })
})
