/** What engines say in a chat beyond plain text: each of it comes back as it was said, whole and streamed. */
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { event } from '../support/scripted/script.ts'
import { chat, setUp } from './fixture.ts'

type Members = Record<string, unknown>

const usage = {
  prompt_tokens: 12,
  completion_tokens: 6,
  total_tokens: 18,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 2, accepted_prediction_tokens: 1 },
}
const rated = { token: 'é', logprob: -1e-7, bytes: [195, 169], top_logprobs: [{ token: 'é', logprob: -1e-7, bytes: [195, 169] }] }
const common = { id: 'chatcmpl-1', created: 1_760_000_000, model: 'scripted', system_fingerprint: 'fp_1', service_tier: 'default' }

const toolCalls = [
  { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city": "Köln",\n "days": 1.0}' } },
  { id: 'call_2', type: 'function', function: { name: 'get_time', arguments: '' } },
]

const said: [what: string, message: Members, choice?: Members][] = [
  ['text', { content: 'Grüße 👋🏽 \u0000\u2028"\\' }],
  ['nothing', { content: '' }],
  ['reasoning in its newer name', { content: '4', reasoning: 'Two and two…' }],
  ['reasoning in its older name', { content: '4', reasoning_content: 'Two and two…' }],
  [
    'reasoning in both names and with details',
    { content: '4', reasoning: 'Hm', reasoning_content: 'Hm', reasoning_details: [{ id: null }] },
  ],
  ['reasoning alone', { content: null, reasoning_content: 'Two and two…' }, { finish_reason: 'length' }],
  ['a refusal', { content: null, refusal: 'No.' }],
  ['two calls at once', { content: null, tool_calls: toolCalls }, { finish_reason: 'tool_calls' }],
  ['text and a call', { content: 'I look.', tool_calls: toolCalls.slice(0, 1) }, { finish_reason: 'tool_calls' }],
  ['a call as it was before tools', { content: null, function_call: { name: 'f', arguments: '{}' } }, { finish_reason: 'function_call' }],
  ['log probabilities', { content: 'é' }, { logprobs: { content: [rated], refusal: null } }],
  ['what was filtered', { content: 'x' }, { finish_reason: 'content_filter', content_filter_results: { hate: { filtered: true } } }],
  ['members that nobody knows', { content: 'x', odd: { y: [null, 1.5] }, '': 1 }, { stop_reason: 32_007, token_ids: [1, 2], odd: [] }],
]

/** An engine that answers with `choices`, whole, or each in one chunk; `last` are members of the chunk with the usage. */
function answering(choices: Members[], more: Members = {}) {
  const chunk = (members: Members) => event({ ...common, object: 'chat.completion.chunk', ...members })
  const custom = async (request: { body: Members }, response: ServerResponse) => {
    if (request.body.stream !== true) {
      const whole = { ...common, object: 'chat.completion', choices, usage, ...more }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const choice of choices) response.write(chunk({ choices: [choice], ...more }))
    response.end(chunk({ choices: [], usage, timings: { predicted_ms: 1.5 } }) + event('[DONE]'))
  }
  return setUp({ custom })
}

describe('comes back as it was said', () => {
  test.each(said)('%s, whole', async (_, message, choice = {}) => {
    const choices = [
      {
        index: 0,
        message: { role: 'assistant', refusal: null, ...message },
        logprobs: null,
        finish_reason: 'stop',
        ...choice,
      },
    ]
    const { client } = await answering(choices, { odd: { a: [1] } })
    const call = await client.ask(chat())
    expect(call).toMatchObject({ finish: expect.not.stringMatching('error'), defect: undefined })
    const { usage: counted, ...rest } = JSON.parse(call.text) as Members
    expect(rest).toEqual({ ...common, object: 'chat.completion', choices, odd: { a: [1] } })
    // Counts that the agent does not know stay beside its own.
    expect(counted).toMatchObject({
      prompt_tokens: 12,
      prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
      completion_tokens_details: { accepted_prediction_tokens: 1 },
      cost: expect.stringMatching(/^\d+$/),
    })
  })

  test.each(said)('%s, in a stream, byte for byte', async (_, message, choice = {}) => {
    const indexed = ((message.tool_calls ?? []) as Members[]).map((each, index) => ({ index, ...each }))
    const delta = { role: 'assistant', ...message, ...(indexed.length > 0 ? { tool_calls: indexed } : {}) }
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: 'stop', ...choice }]
    const { client } = await answering(choices, { odd: { a: [1.0] } })
    const call = await client.ask(chat({ stream: true }))
    expect(call).toMatchObject({ finish: expect.not.stringMatching('error'), defect: undefined, doneCount: 1 })
    const chunk = { ...common, object: 'chat.completion.chunk', choices, odd: { a: [1] } }
    expect(call.text).toBe(event(chunk) + event('[DONE]'))
  })

  test('the engine’s own usage chunk, with the usage that is charged', async () => {
    const { client } = await answering([{ index: 0, delta: { content: 'x' }, finish_reason: 'stop' }])
    const call = await client.ask(chat({ stream: true, stream_options: { include_usage: true } }))
    const { usage: counted, ...rest } = call.chunks.at(-1)!
    expect(rest).toEqual({ ...common, object: 'chat.completion.chunk', choices: [], timings: { predicted_ms: 1.5 } })
    expect(counted).toMatchObject({ prompt_tokens: 12, completion_tokens_details: { accepted_prediction_tokens: 1 } })
  })

  test('a chunk without choices that is no usage chunk', async () => {
    const filtered = { choices: [], prompt_filter_results: [{ prompt_index: 0 }] }
    const { client } = await setUp({
      custom: async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const last = { ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'stop' }] }
        response.end(event({ ...common, object: 'chat.completion.chunk', ...filtered }) + event(last) + event('[DONE]'))
      },
    })
    const call = await client.ask(chat({ stream: true, stream_options: { include_usage: true } }))
    expect(call.chunks.map(({ prompt_filter_results: results }) => results)).toEqual([[{ prompt_index: 0 }], undefined, undefined])
    expect(call.doneCount).toBe(1)
  })
})

describe('reasoning', () => {
  const price = { prompt: '1000000', cached: '1000000', completion: '3000000', reasoning: '5000000' }

  test.each(['reasoning', 'reasoning_content'])('that is shown as %s is charged as such, and once', async name => {
    const shown = { content: 'Four.', [name]: 'Two and two…' }
    const { client } = await answering([
      { index: 0, message: { role: 'assistant', refusal: null, ...shown }, logprobs: null, finish_reason: 'stop' },
    ])
    client.price = price
    expect((await client.ask(chat())).receipt).toMatchObject({ usage: { prompt: 8, cached: 4, completion: 4, reasoning: 2 }, cost: '34' })
  })
})
