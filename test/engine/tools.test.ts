/** Tools, with the real model: what is offered, what is demanded, and the form of a call. */
import { describe, expect, test } from 'vitest'
import { readTools } from '../../src/engine/tools.ts'
import { Endpoint, type Usage } from './support.ts'

interface Call {
  id: string
  type: string
  function: { name: string; arguments: string }
}
interface Answer {
  choices: {
    message: { content: string | null; tool_calls?: Call[] }
    logprobs: { content: { token: string }[] } | null
    finish_reason: string
  }[]
  usage: Usage
}
interface Chunk {
  choices: { index: number; delta: { content?: string; tool_calls?: (Call & { index: number })[] }; finish_reason: string | null }[]
  usage?: Usage | null
}

const chat = new Endpoint<Answer, Chunk>('/v1/chat/completions')
const user = (content: string, more: object = {}) => ({ messages: [{ role: 'user', content }], ...more })
const tool = (name: string, parameters?: object, more: object = {}) => ({
  type: 'function',
  function: { name, ...(parameters ? { parameters } : {}), ...more },
})
const closed = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false })
const weather = tool('get_weather', closed({ city: { type: 'string' } }))
const count = tool('count_up', closed({ from: { type: 'integer' }, kind: { enum: ['slow', 'fast'] } }))
const france = 'What is the capital of France?'
const paris = 'What is the weather in Paris?'

/** The calls of the only choice, the same whole and streamed. */
async function callsOf(body: object): Promise<{ name: string; input: unknown }[]> {
  const { choices, usage } = await chat.ask(body)
  const [choice] = choices
  const chunks = await chat.stream({ ...body, stream_options: { include_usage: true } })
  const streamed = chunks.flatMap(chunk => chunk.choices.flatMap(({ delta }) => delta.tool_calls ?? []))
  const calls = choice!.message.tool_calls ?? []
  const plain = (each: Call) => ({ type: each.type, function: each.function })
  expect(streamed.map(plain)).toEqual(calls.map(plain))
  expect(streamed.map(({ index }) => index)).toEqual(calls.map((_, index) => index))
  expect(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')).toBe(choice!.message.content ?? '')
  expect(chunks.at(-1)!.usage).toEqual(usage)
  expect(choice!.finish_reason).toBe(calls.length > 0 ? 'tool_calls' : 'stop')
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length)
  return calls.map(each => ({ name: each.function.name, input: JSON.parse(each.function.arguments) }))
}

describe('tool_choice', () => {
  test('auto leaves it to the model, and so does nothing at all', async () => {
    for (const choice of [{}, { tool_choice: 'auto' }, { tool_choice: null }]) {
      expect(await callsOf(user(paris, { tools: [weather], ...choice }))).toEqual([{ name: 'get_weather', input: { city: 'Paris' } }])
      expect(await callsOf(user(france, { tools: [weather], ...choice }))).toEqual([])
    }
  })

  test('none says what is said without tools', async () => {
    const without = await chat.ask(user(paris))
    const none = await chat.ask(user(paris, { tools: [weather], tool_choice: 'none' }))
    expect(none.choices[0]!.message).toEqual(without.choices[0]!.message)
    expect(none.usage).toEqual(without.usage)
  })

  test('required calls one of them, whatever was asked', async () => {
    for (const question of [france, 'Hello', 'Count from 1 to 9.']) {
      const [call, ...more] = await callsOf(user(question, { tools: [weather, count], tool_choice: 'required' }))
      expect(more).toEqual([])
      expect(['get_weather', 'count_up']).toContain(call!.name)
    }
  })

  test('of one function calls that one, with arguments of its form', async () => {
    const choice = (name: string) => ({ tools: [weather, count], tool_choice: { type: 'function', function: { name } } })
    expect(await callsOf(user(france, choice('get_weather')))).toEqual([{ name: 'get_weather', input: { city: expect.any(String) } }])
    expect(await callsOf(user(paris, choice('count_up')))).toEqual([
      { name: 'count_up', input: { from: expect.any(Number), kind: expect.stringMatching(/^(slow|fast)$/) } },
    ])
  })

  test('of some functions knows no other', async () => {
    const choice = (mode: string) => ({
      tools: [weather, count],
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode, tools: [{ type: 'function', function: { name: 'count_up' } }] } },
    })
    expect(await callsOf(user(paris, choice('required')))).toEqual([{ name: 'count_up', input: expect.any(Object) }])
    const alone = await chat.ask(user(paris, { tools: [count] }))
    expect((await chat.ask(user(paris, choice('auto')))).usage).toEqual(alone.usage)
  })

  test('holds to definitions that refer to each other, each tool to its own', async () => {
    const nested = (leaf: string) => ({
      ...closed({ x: { $ref: '#/$defs/leaf' }, next: { anyOf: [{ type: 'null' }, { $ref: '#' }] } }),
      $defs: { leaf: { const: leaf } },
    })
    const tools = [tool('first', nested('one')), tool('second', nested('two'))]
    for (const [name, x] of [
      ['first', 'one'],
      ['second', 'two'],
    ] as const) {
      const [call] = await callsOf(user('Hello', { tools, tool_choice: { type: 'function', function: { name } } }))
      expect(call).toMatchObject({ name, input: { x } })
    }
    const [either] = await callsOf(user('Hello', { tools, tool_choice: 'required' }))
    expect(either).toMatchObject({ input: { x: either!.name === 'first' ? 'one' : 'two' } })
  })

  test('of a function without parameters calls it with none', async () => {
    expect(await callsOf(user('Hello', { tools: [tool('now')], tool_choice: 'required' }))).toEqual([{ name: 'now', input: {} }])
  })

  test('is followed in each of several answers, and counted', async () => {
    const body = user('Hello', { tools: [weather], tool_choice: 'required', n: 2, temperature: 1, seed: 3 })
    const answer = await chat.ask(body)
    expect(answer.choices.map(({ finish_reason: reason }) => reason)).toEqual(['tool_calls', 'tool_calls'])
    const one = await chat.ask({ ...body, n: 1 })
    expect(answer.usage.prompt_tokens).toBe(one.usage.prompt_tokens)
    expect(answer.usage.completion_tokens).toBeGreaterThan(one.usage.completion_tokens)
  })

  test('ends by length where there is no room for the call, and gives what there is as text', async () => {
    const { choices, usage } = await chat.ask(user(france, { tools: [weather], tool_choice: 'required', max_tokens: 3 }))
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: expect.stringContaining('<tool_call>') } })
    expect(usage.completion_tokens).toBe(3)
  })
})

describe('a strict function', () => {
  const strict = (properties: object) => [tool('get_weather', closed(properties), { strict: true })]

  test('is called in its form alone, where the model calls it by itself', async () => {
    const form = { city: { type: 'string' }, days: { type: 'integer' }, unit: { enum: ['C', 'F'] } }
    expect(await callsOf(user(paris, { tools: strict(form) }))).toEqual([
      {
        name: 'get_weather',
        input: { city: expect.stringContaining('Paris'), days: expect.any(Number), unit: expect.stringMatching(/^[CF]$/) },
      },
    ])
    expect(await callsOf(user(france, { tools: strict(form) }))).toEqual([])
  })

  test('counts every token once, and tells the probability of each', async () => {
    const body = user(paris, { tools: strict({ city: { type: 'string' } }), logprobs: true })
    const { choices, usage } = await chat.ask(body)
    expect(choices[0]!.finish_reason).toBe('tool_calls')
    expect(choices[0]!.logprobs!.content).toHaveLength(usage.completion_tokens)
    expect(choices[0]!.logprobs!.content[0]!.token).toBe('<tool_call>')
    expect((await chat.ask({ ...body, max_tokens: 4 })).usage.completion_tokens).toBe(4)
    expect((await chat.ask({ ...body, max_tokens: 1 })).choices[0]!.finish_reason).toBe('length')
  })

  test('whose form no grammar holds to is refused by its place', async () => {
    const tools = [weather, tool('f', { type: 'object', properties: { a: { type: 'string', pattern: '^a' } } }, { strict: true })]
    expect(await chat.refused(user('x', { tools }), 'tools.1.function.parameters')).toContain("'pattern' is not supported")
  })

  test('is another than one whose form is a hint', async () => {
    const hint = tool('f', { type: 'object', properties: { a: { type: 'string', pattern: '^a' } } })
    expect(await callsOf(user('x', { tools: [hint], tool_choice: 'required' }))).toEqual([{ name: 'f', input: expect.any(Object) }])
  })
})

describe('parallel_tool_calls', () => {
  test('false ends the answer after the first call', async () => {
    // A conversation in which two calls at once are the custom.
    const called = (city: string) => ({ id: city, type: 'function', function: { name: 'get_weather', arguments: `{"city":"${city}"}` } })
    const messages = ['Paris and in Rome', 'Berlin and in Tokyo', 'Madrid and in Oslo'].flatMap(places => [
      { role: 'user', content: `What is the weather in ${places}?` },
      { role: 'assistant', content: null, tool_calls: places.split(' and in ').map(called) },
    ])
    const body = { messages: messages.slice(0, -1), tools: [weather] }
    const many = await chat.ask(body)
    const one = await chat.ask({ ...body, parallel_tool_calls: false })
    const [first, second] = many.choices[0]!.message.tool_calls!
    expect(second!.function).toEqual({ name: 'get_weather', arguments: '{"city":"Oslo"}' })
    expect(one.choices[0]!.message.tool_calls!.map(each => each.function)).toEqual([first!.function])
    expect(one.usage.completion_tokens).toBeLessThan(many.usage.completion_tokens)
    expect(await callsOf({ ...body, parallel_tool_calls: false })).toHaveLength(1)
    expect((await chat.ask({ ...body, parallel_tool_calls: true })).usage).toEqual(many.usage)
  })
})

describe('refused by name', () => {
  const one = { type: 'function', function: { name: 'nothing' } }
  test.each<[string, object, string]>([
    ['a choice of no tools', { tool_choice: 'required' }, 'tool_choice'],
    ['a choice of a function among none', { tool_choice: one }, 'tool_choice'],
    ['a function that is not there', { tools: [weather], tool_choice: one }, 'tool_choice'],
    ['an unknown choice', { tools: [weather], tool_choice: 'any' }, 'tool_choice'],
    ['a choice that is a number', { tools: [weather], tool_choice: 1 }, 'tool_choice'],
    [
      'an allowed tool that is not there',
      { tools: [weather], tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [one] } } },
      'tool_choice',
    ],
    ['a tool without a function', { tools: [{ type: 'function' }] }, 'tools.0.function'],
    ['a function without a name', { tools: [{ type: 'function', function: {} }] }, 'tools.0.function.name'],
    ['a function with a bad name', { tools: [tool('a b')] }, 'tools.0.function.name'],
    ['parameters that are a list', { tools: [tool('f', [])] }, 'tools.0.function.parameters'],
    ['a strictness in words', { tools: [tool('f', {}, { strict: 'yes' })] }, 'tools.0.function.strict'],
    ['a tool of another kind', { tools: [weather, { type: 'custom', custom: { name: 'x' } }] }, 'tools.1.type'],
    ['parallel calls in words', { tools: [weather], parallel_tool_calls: 'no' }, 'parallel_tool_calls'],
    ['functions as they were before tools', { functions: [weather.function] }, 'functions'],
    ['a choice as it was before tools', { function_call: 'auto' }, 'function_call'],
    [
      'a call as it was before tools',
      { messages: [{ role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } }] },
      'messages.0.function_call',
    ],
  ])('%s', async (_, members, param) => {
    await chat.refused(user('x', members), param)
    await chat.refused(user('x', { stream: true, ...members }), param)
  })

  test('tools that say nothing of calls are parallel, free and optional', () => {
    expect(readTools({})).toEqual({ tools: [], required: false, parallel: true, callSchema: undefined })
  })
})

test('stops at once when its caller leaves a call that is demanded', async () => {
  const body = user('Hello', { tools: [tool('f', closed({ a: { type: 'string', minLength: 900 } }))], tool_choice: 'required', n: 20 })
  expect(await chat.abandon({ ...body, temperature: 2 })).toBeLessThan(500)
})
