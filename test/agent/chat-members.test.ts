/**
 * What steers a chat, member by member, before an engine that says what it got: each reaches it as it was sent, whole and
 * streamed, and what the engine says comes back as it was said.
 */
import { describe, expect, test } from 'vitest'
import type { SealedCall } from '../support/sealing-client.ts'
import { chat, setUp } from './fixture.ts'

type Members = Record<string, unknown>

const weather = (name = 'get_weather', more: Members = {}) => ({
  type: 'function',
  function: {
    name,
    description: 'Wetter in „Köln“ 🌦',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 1.5e2 } },
      required: ['city'],
      additionalProperties: false,
    },
    ...more,
  },
})
const answerSchema = { type: 'object', properties: { capital: { type: 'string' } }, required: ['capital'], additionalProperties: false }
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } }
const text = { type: 'text', text: 'What is this?' }
const says = (...messages: Members[]) => ({ messages })
const call = { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city": "Köln",\n "days": 1.0}' } }

const cases: [what: string, members: Members][] = [
  ['a tool', { tools: [weather()] }],
  ['several tools, one of them strict', { tools: [weather(), weather('get_time', { strict: true })] }],
  ['a tool without parameters', { tools: [{ type: 'function', function: { name: 'now' } }] }],
  ['a tool of another kind', { tools: [{ type: 'custom', custom: { name: 'sql', format: { type: 'text' } } }] }],
  ['tool_choice none', { tools: [weather()], tool_choice: 'none' }],
  ['tool_choice auto', { tools: [weather()], tool_choice: 'auto' }],
  ['tool_choice required', { tools: [weather()], tool_choice: 'required' }],
  ['tool_choice of one function', { tools: [weather()], tool_choice: { type: 'function', function: { name: 'get_weather' } } }],
  [
    'tool_choice of some functions',
    {
      tools: [weather(), weather('get_time')],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'get_time' } }] },
      },
    },
  ],
  ['tool_choice of a tool of another kind', { tool_choice: { type: 'custom', custom: { name: 'sql' } } }],
  ['parallel calls forbidden', { tools: [weather()], parallel_tool_calls: false }],
  ['parallel calls allowed', { tools: [weather()], parallel_tool_calls: true }],
  ['functions as they were before tools', { functions: [weather().function], function_call: { name: 'get_weather' } }],
  [
    'calls and their results in the conversation',
    says(
      { role: 'user', content: 'How is the weather?' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: '{"degrees":-0.5}' },
    ),
  ],
  ['the format text', { response_format: { type: 'text' } }],
  ['the format json_object', { response_format: { type: 'json_object' } }],
  [
    'the format json_schema',
    { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: answerSchema } } },
  ],
  ['a format of some engine', { response_format: { type: 'structural_tag', structures: [], triggers: ['<x>'] } }],
  ['log probabilities', { logprobs: true, top_logprobs: 5 }],
  ['log probabilities without others', { logprobs: true }],
  ['no log probabilities', { logprobs: false }],
  ['two answers', { n: 2 }],
  ['one answer', { n: 1 }],
  ['a stop string', { stop: '\n\n' }],
  ['stop strings', { stop: ['###', 'Ende 🏁', ''] }],
  ['a seed', { seed: 9_007_199_254_740_991 }],
  ['a seed below zero', { seed: -7 }],
  ['biases', { logit_bias: { 478: -100, 50256: 0.5 } }],
  ['penalties', { presence_penalty: -2, frequency_penalty: 1.25 }],
  ['a temperature and a nucleus', { temperature: 0, top_p: 0.1 }],
  ['max_tokens', { max_tokens: 50 }],
  ['max_completion_tokens', { max_completion_tokens: 50 }],
  ['both limits', { max_tokens: 60, max_completion_tokens: 50 }],
  ['limits beyond the context', { max_tokens: 1_000_000 }],
  ['limits that are null', { max_tokens: null, max_completion_tokens: null }],
  ['the role developer', says({ role: 'developer', content: 'Be brief.', name: 'dev' }, { role: 'user', content: 'Hello' })],
  [
    'every other role',
    says({ role: 'system', content: 'x' }, { role: 'function', name: 'f', content: '1' }, { role: 'user', content: '' }),
  ],
  ['an image', says({ role: 'user', content: [text, image] })],
  ['an image by its address', says({ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] })],
  ['a recording', says({ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }] })],
  ['a file', says({ role: 'user', content: [{ type: 'file', file: { filename: 'a.pdf', file_data: 'data:,x' } }] })],
  ['a video, which OpenAI has not', says({ role: 'user', content: [{ type: 'video_url', video_url: { url: 'data:,x' } }] })],
  ['a reasoning effort', { reasoning_effort: 'high' }],
  ['reasoning as some engines steer it', { reasoning: { effort: 'low' }, chat_template_kwargs: { enable_thinking: false } }],
  [
    'reasoning in the conversation',
    says(
      { role: 'user', content: '2+2?' },
      { role: 'assistant', content: '4', reasoning_content: 'Two and two…', reasoning: 'Two and two…', reasoning_details: [{ x: 1 }] },
      { role: 'user', content: 'Sure?' },
    ),
  ],
  ['user', { user: 'nutzer-1' }],
  ['safety_identifier', { safety_identifier: 'f00' }],
  ['metadata', { metadata: { trip: 'Köln', empty: '' } }],
  ['kinds and modes of service', { service_tier: 'flex', verbosity: 'low', modalities: ['text'], store: false, prompt_cache_key: 'k' }],
  ['sampling that OpenAI has not', { top_k: 40, min_p: 0.05, repetition_penalty: 1.1, guided_regex: '[a-z]+', ignore_eos: false }],
  ['members that nobody knows', { x: { y: [null, true, 1.5, 'ü', {}], z: '\u0000\u2028' }, '': 1, 'ключ 🔑': [] }],
  ['unknown members within known ones', { tools: [{ ...weather(), cache_control: { type: 'ephemeral' } }] }],
]

/** The engine's body where the caller's was `body`: with our salt, and in a stream with the usage that we count by. */
function reached(body: Members): Members {
  const salted = { ...body, cache_salt: expect.stringMatching(/^[\w-]{43}$/) as unknown }
  if (body.stream !== true) return salted
  const options = (body.stream_options ?? {}) as Members
  return { ...salted, stream_options: { ...options, include_usage: true, continuous_usage_stats: true } }
}

/** What each choice says, whole or streamed. */
function choicesOf(answer: SealedCall, stream: boolean): string[] {
  const told = (stream ? answer.chunks : [JSON.parse(answer.text) as Members]).flatMap(
    ({ choices }) => choices as { index: number; delta?: { content?: string }; message?: { content: string } }[],
  )
  const choices: string[] = []
  for (const { index, delta, message } of told) choices[index] = (choices[index] ?? '') + (message?.content ?? delta?.content ?? '')
  return choices
}

describe('reaches the engine as it was sent, and its words come back as they were said', () => {
  test.each(cases)('%s', async (_, members) => {
    const { client, engine } = await setUp({ mode: 'echo' })
    for (const stream of [false, true]) {
      const body = chat({ ...members, ...(stream ? { stream } : {}) })
      const answer = await client.ask(body)
      expect(answer).toMatchObject({ finish: 'stop', defect: undefined })
      const got = engine.requests.at(-1)!
      expect(got.body).toEqual(reached(body))
      const echo = JSON.stringify({ path: '/v1/chat/completions', content_type: 'application/json', body: got.body })
      expect(choicesOf(answer, stream)).toEqual(Array.from({ length: Number(members.n ?? 1) }, () => echo))
    }
  })

  test.each<[string, unknown]>([
    ['absent', undefined],
    ['null', null],
    ['empty', {}],
    ['that ask for usage', { include_usage: true }],
    ['that do not', { include_usage: false }],
    ['that nobody knows', { include_obfuscation: false, x: 1 }],
  ])('stream_options %s, with the usage that the agent counts by', async (_, options) => {
    const { client, engine } = await setUp({ mode: 'echo' })
    const body = chat({ stream: true, ...(options === undefined ? {} : { stream_options: options }) })
    expect((await client.ask(body)).finish).toBe('stop')
    expect(engine.requests[0]!.body).toEqual(reached(body))
    // An answer in one piece has none, and engines refuse what says otherwise.
    await client.ask({ ...body, stream: false })
    expect(engine.requests[1]!.body).toEqual(reached(chat({ stream: false })))
  })
})

describe('a limit above what the cap pays for', () => {
  const price = { prompt: '1000000', cached: '1000000', completion: '1000000', reasoning: '1000000' }
  const bound = (body: object) => Buffer.byteLength(JSON.stringify(body)) + 64

  test.each<[string, Members, Members]>([
    ['max_tokens', { max_tokens: 900 }, { max_tokens: 20 }],
    ['max_completion_tokens', { max_completion_tokens: 900 }, { max_completion_tokens: 20 }],
    ['both', { max_tokens: 900, max_completion_tokens: 800 }, { max_tokens: 20, max_completion_tokens: 20 }],
    ['one that is null beside it', { max_tokens: null, max_completion_tokens: 900 }, { max_tokens: null, max_completion_tokens: 20 }],
    ['none', {}, { max_tokens: 20 }],
    ['of two answers', { n: 2, max_tokens: 900 }, { n: 2, max_tokens: 10 }],
  ])('is lowered to it: %s', async (_, members, lowered) => {
    const { client, engine } = await setUp({}, { offer: () => price })
    client.price = price
    const body = chat(members)
    await client.ask(body, { context: { cap: (bound(body) + 20).toString() } })
    expect(engine.requests[0]!.body).toEqual(reached({ ...body, ...lowered }))
  })

  test('is left to the count where it might pass the end of the context, which engines refuse', async () => {
    const { client, engine } = await setUp({}, { offer: () => price })
    client.price = price
    const body = chat({ messages: [{ role: 'user', content: 'x'.repeat(3_900) }] })
    await client.ask(body, { context: { cap: (bound(body) + 1_000).toString() } })
    expect(engine.requests[0]!.body).toEqual(reached(body))
  })

  test('leaves a limit below it alone', async () => {
    const { client, engine } = await setUp({}, { offer: () => price })
    client.price = price
    const body = chat({ max_tokens: 7, max_completion_tokens: 20 })
    await client.ask(body, { context: { cap: (bound(body) + 20).toString() } })
    expect(engine.requests[0]!.body).toEqual(reached(body))
  })
})

describe('an image', () => {
  const body = chat(says({ role: 'user', content: [text, image] }))

  test.each([false, true])('is counted as the engine counts it, though that is more than it has bytes (stream: %s)', async stream => {
    const { client } = await setUp({ promptTokens: 1_445 })
    expect((await client.ask({ ...body, stream })).receipt?.usage).toEqual({ prompt: 1_445, cached: 0, completion: 6, reasoning: 0 })
  })

  test('is counted as no more than fits the context', async () => {
    const { client } = await setUp({ mode: 'usage-too-high' })
    expect((await client.ask(body)).receipt?.usage.prompt).toBe(4_096)
  })

  test('is refused where the cap does not pay for a whole context', async () => {
    const { client, engine } = await setUp()
    expect((await client.ask(body, { context: { cap: '4096' } })).error).toMatchObject({ status: 402, error: { code: 'cap_too_small' } })
    expect(engine.requests).toEqual([])
    expect((await client.ask(body, { context: { cap: '4099' } })).finish).toBe('stop')
  })
})

describe('the cache salt', () => {
  const salt = async ({ client, engine }: Awaited<ReturnType<typeof setUp>>, channel: string, members: Members = {}) => {
    expect((await client.ask(chat(members), { context: { channel } })).finish).toBe('stop')
    return engine.requests.at(-1)!.body.cache_salt
  }

  test('is one for each channel, and another for each agent', async () => {
    const [here, there] = [await setUp(), await setUp()]
    const mine = await salt(here, 'EQmine')
    expect(mine).toMatch(/^[\w-]{43}$/)
    expect(await salt(here, 'EQmine', { stream: true })).toBe(mine)
    expect(await salt(here, 'EQother')).not.toBe(mine)
    expect(await salt(there, 'EQmine')).not.toBe(mine)
  })

  test.each([
    ['a text', 'EQother'],
    ['a list', ['a']],
    ['an object', { toString: 'x' }],
    ['null', null],
    ['a number', 7],
  ])('is never the caller’s: %s', async (_, given) => {
    const setup = await setUp()
    const mine = await salt(setup, 'EQmine')
    expect(await salt(setup, 'EQmine', { cache_salt: given })).toBe(mine)
    expect(await salt(setup, 'EQmine', { cache_salt: given, stream: true })).toBe(mine)
  })
})

test.each([false, true])('reasoning that nobody would see is refused, because nobody could count it (stream: %s)', async stream => {
  const { client, engine } = await setUp()
  const refused = await client.ask(chat({ stream, include_reasoning: false }))
  expect(refused.error).toMatchObject({ status: 400, error: { param: 'include_reasoning', type: 'invalid_request_error' } })
  expect(engine.requests).toEqual([])
  expect((await client.ask(chat({ stream, include_reasoning: true }))).finish).toBe('stop')
  expect(engine.requests[0]!.body.include_reasoning).toBe(true)
})

test('a number that no double holds keeps its digits, there and back', async () => {
  const digits = '{"maximum":18446744073709551615,"x":[-9223372036854775809,1e400]}'
  const answer = { id: 'a', object: 'chat.completion', created: 1, model: 'scripted' }
  const choice = '{"index":0,"message":{"role":"assistant","content":"x","refusal":null},"logprobs":null,"finish_reason":"stop"}'
  const { client, engine } = await setUp({
    custom: async (_request, response) => {
      const text = `${JSON.stringify(answer).slice(0, -1)},"choices":[${choice}],"odd":${digits}}`
      response.writeHead(200, { 'content-type': 'application/json' }).end(text)
    },
  })
  const call = await client.ask(Buffer.from(`{"model":"scripted","messages":[{"role":"user","content":"a"}],"x":${digits}}`))
  expect(engine.requests[0]!.bytes.toString()).toContain(`"x":${digits}`)
  expect(call.text).toContain(`"odd":${digits}`)
  const refused = await client.ask(
    Buffer.from('{"model":"scripted","messages":[{"role":"user","content":"a"}],"max_tokens":18446744073709551615}'),
  )
  expect(refused.error).toMatchObject({ status: 400, error: { param: 'max_tokens' } })
})

test('a member named like an object’s own machinery is a member like any other, and changes nothing here', async () => {
  const { client, engine } = await setUp()
  const members = '"__proto__":{"stream":true,"cache_salt":"x","polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1'
  const bytes = Buffer.from(`{"model":"scripted","messages":[{"role":"user","content":"a","__proto__":{"role":"x"}}],${members}}`)
  expect(await client.ask(bytes)).toMatchObject({ finish: 'stop', contentType: 'application/json' })
  const got = engine.requests[0]!.bytes.toString()
  expect(got).toContain(members)
  expect(got).toContain('"__proto__":{"role":"x"}')
  expect(({} as Members).polluted).toBeUndefined()
})
