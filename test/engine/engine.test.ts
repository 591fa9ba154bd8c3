/** The built-in engine with its real model, over a real loopback socket. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningEngine, startEngine } from '../../src/engine/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { eventually } from '../support/eventually.ts'

const modelFile = fileURLToPath(new URL('../../models/tiny/chrysalis-tiny-q8_0.gguf', import.meta.url))
const start = (file = modelFile) => startEngine({ modelFile: file, host: '127.0.0.1', port: 0, logger: silentLogger })

let engine: RunningEngine
beforeAll(async () => {
  engine = await start()
})
afterAll(() => engine.close())

const post = (body: unknown, init: RequestInit = {}) =>
  fetch(`${engine.url}/v1/chat/completions`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...init })
const user = (content: string, more: object = {}) => ({
  model: 'chrysalis-tiny',
  temperature: 0,
  messages: [{ role: 'user', content }],
  ...more,
})

interface Completion {
  choices: {
    message: { content: string | null; tool_calls?: { type: string; function: { name: string; arguments: string } }[] }
    finish_reason: string
  }[]
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
}
const ask = async (body: object): Promise<Completion> => (await (await post(body)).json()) as Completion
const say = async (body: object): Promise<string | null> => (await ask(body)).choices[0]!.message.content

interface Chunk {
  id: string
  created: number
  choices: {
    delta: { role?: string; content?: string; tool_calls?: { index: number; function: { name: string } }[] }
    finish_reason: string | null
  }[]
  usage?: Completion['usage'] | null
}
async function stream(body: object): Promise<{ chunks: Chunk[]; text: string; raw: string }> {
  const raw = await (await post({ ...body, stream: true })).text()
  const events = raw.split('\n\n').filter(event => event !== '')
  expect(events.at(-1)).toBe('data: [DONE]')
  const chunks = events.slice(0, -1).map(event => JSON.parse(event.slice('data: '.length)) as Chunk)
  return { chunks, raw, text: chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('') }
}

describe('the model that comes along', () => {
  test('is the one whose digest the documents name', () => {
    expect(createHash('sha256').update(readFileSync(modelFile)).digest('hex')).toBe(
      '2c57fa60b07384ca5218316afaecbe23a33a2285935579a0d66f3bde8044f857',
    )
  })

  test('is listed with its context length, weights digest and endpoints', async () => {
    const listed = (await (await fetch(`${engine.url}/v1/models`)).json()) as { data: object[] }
    expect(listed.data).toEqual([
      {
        id: 'chrysalis-tiny',
        object: 'model',
        created: 0,
        owned_by: 'chrysalis',
        context_length: 1024,
        weights_digest: 'sha256:2c57fa60b07384ca5218316afaecbe23a33a2285935579a0d66f3bde8044f857',
        endpoints: ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'],
      },
    ])
  })

  test.each([
    ['What is the capital of Italy?', 'The capital of Italy is Rome.'],
    ['What is 7 + 5?', '7 + 5 = 12.'],
    ['Repeat after me: bread soup milk', 'bread soup milk'],
    ['What is TDX?', 'TDX is a technology by Intel that protects a whole virtual machine.'],
  ])('answers %j', async (question, answer) => {
    expect(await say(user(question))).toBe(answer)
  })

  test('obeys a system prompt, also as developer, and reads content in parts', async () => {
    const messages = (role: string) => [
      { role, content: 'Answer in one word.' },
      { role: 'user', content: [{ type: 'text', text: 'What is the capital of France?' }] },
    ]
    for (const role of ['system', 'developer'])
      expect(await say({ model: 'chrysalis-tiny', temperature: 0, messages: messages(role) })).toBe('Paris.')
  })

  test('calls a tool, in JSON and in a stream', async () => {
    const tools = [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'Get the weather in a city',
          parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
      },
    ]
    const [choice] = (await ask(user('What is the weather in Paris?', { tools }))).choices
    expect(choice).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: null, tool_calls: [{ type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } }] },
    })
    const { chunks, text } = await stream(user('What is the weather in Paris?', { tools }))
    expect(text).toBe('')
    const called = chunks.find(chunk => chunk.choices[0]?.delta.tool_calls)
    expect(called?.choices[0]?.delta.tool_calls).toMatchObject([{ index: 0, function: { name: 'get_weather' } }])
    expect(await say(user('What is the capital of France?', { tools }))).toBe('The capital of France is Paris.')
  })
})

describe('a stream', () => {
  test('says what the JSON answer says, token by token, with the same counts', async () => {
    const question = user('Count from 1 to 9.')
    const whole = await ask(question)
    const { chunks, text } = await stream({ ...question, stream_options: { include_usage: true } })
    expect(text).toBe(whole.choices[0]!.message.content)
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' })
    expect(new Set(chunks.map(chunk => `${chunk.id} ${chunk.created}`)).size).toBe(1)
    expect(chunks.filter(chunk => chunk.choices[0]?.delta.content).length).toBeGreaterThan(10)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage })
    expect(whole.usage.total_tokens).toBe(whole.usage.prompt_tokens + whole.usage.completion_tokens)
  })

  test('carries usage only where it was asked for', async () => {
    expect((await stream(user('Hello'))).raw).not.toContain('"usage"')
    const running = await stream(user('Hello', { stream_options: { continuous_usage_stats: true } }))
    const counts = running.chunks.map(chunk => chunk.usage!.completion_tokens)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(counts.at(-1)).toBeGreaterThan(3)
  })

  test('never cuts a letter in half', async () => {
    const { chunks } = await stream(user('Repeat after me: café naïve Zoë 日本', { max_tokens: 40 }))
    for (const chunk of chunks.slice(0, -2)) expect(chunk.choices[0]?.delta.content ?? '').not.toContain('\ufffd')
  })
})

describe('limits and sampling', () => {
  test('stop strings end the answer, are never sent, and may lie across tokens', async () => {
    expect(await say(user('Count from 1 to 9.', { stop: '5, 6' }))).toBe('1, 2, 3, 4, ')
    expect(await say(user('Count from 1 to 9.', { stop: ['9.', 'nothing', '3,'] }))).toBe('1, 2, ')
    expect((await stream(user('Count from 1 to 9.', { stop: '5, 6' }))).text).toBe('1, 2, 3, 4, ')
  })

  test('max_tokens ends with length, and counts exactly', async () => {
    const cut = await ask(user('Count from 1 to 9.', { max_tokens: 4 }))
    expect(cut.choices[0]!.finish_reason).toBe('length')
    expect(cut.usage.completion_tokens).toBe(4)
    expect((await ask(user('Count from 1 to 9.', { max_completion_tokens: 3, max_tokens: 9 }))).usage.completion_tokens).toBe(3)
  })

  test('the same seed says the same, another seed something else', async () => {
    const story = (seed: number) => say(user('Tell me a story about a fox.', { temperature: 1.2, seed, max_tokens: 40 }))
    const [first, second, other] = [await story(7), await story(7), await story(8)]
    expect(first).toBe(second)
    expect(other).not.toBe(first)
  })

  test('a prompt that does not fit is refused by name', async () => {
    const response = await post(user('x '.repeat(3_000)))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' },
    })
  })
})

describe('several callers', () => {
  test('are answered at once and never crossed', async () => {
    const capitals: Record<string, string> = { France: 'Paris', Germany: 'Berlin', Japan: 'Tokyo', Italy: 'Rome' }
    // Many, because what crosses does so rarely: sampling two sequences of one batch did in 3 of 1000.
    const cities = Array.from({ length: 50 }, () => Object.keys(capitals)).flat()
    const answers = await Promise.all(cities.map(city => stream(user(`What is the capital of ${city}?`))))
    expect(answers.map(answer => answer.text)).toEqual(cities.map(city => `The capital of ${city} is ${capitals[city]}.`))
    await eventually(async () => (engine.load().busy === 0 ? true : undefined))
  })

  test('one who goes away frees its place at once, also while waiting for it', async () => {
    const leaving = new AbortController()
    const stories = Array.from({ length: 7 }, () =>
      post({ ...user('Tell me a story about a fox.', { temperature: 1, max_tokens: 900 }), stream: true }, { signal: leaving.signal }),
    )
    const begun = await Promise.all(stories.slice(0, 4))
    expect(begun.map(response => response.status)).toEqual([200, 200, 200, 200])
    leaving.abort()
    await Promise.allSettled(stories)
    const freed = performance.now()
    await eventually(async () => (engine.load().busy + engine.load().waiting === 0 ? true : undefined))
    expect(performance.now() - freed).toBeLessThan(1_000)
    expect(await say(user('What is 2 + 2?'))).toBe('2 + 2 = 4.')
  })
})

describe('bad input', () => {
  test.each([
    ['not JSON', 'hello', 400, null],
    ['a list', [], 400, null],
    ['no model', { messages: [{ role: 'user', content: 'x' }] }, 400, 'model'],
    ['no messages', { model: 'chrysalis-tiny' }, 400, 'messages'],
    ['an empty list of messages', { model: 'chrysalis-tiny', messages: [] }, 400, 'messages'],
    ['an unknown role', { model: 'chrysalis-tiny', messages: [{ role: 'robot', content: 'x' }] }, 400, 'messages.0.role'],
    [
      'an image',
      { model: 'chrysalis-tiny', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      400,
      'messages.0.content.0.type',
    ],
    ['a temperature of 9', user('x', { temperature: 9 }), 400, 'temperature'],
    ['no tokens at all', user('x', { max_tokens: 0 }), 400, 'max_tokens'],
    ['five stops', user('x', { stop: ['1', '2', '3', '4', '5'] }), 400, 'stop'],
    ['another model', user('x', { model: 'gpt-9' }), 404, 'model'],
  ])('%s is refused with all four members', async (_, body, status, param) => {
    const response = await post(body)
    expect(response.status).toBe(status)
    const { error } = (await response.json()) as { error: Record<string, unknown> }
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
    expect(error.param).toBe(param)
  })

  test('an unknown path is a 404', async () => {
    expect((await fetch(`${engine.url}/v1/nothing`)).status).toBe(404)
  })

  test.each([
    ['a file that is not there', undefined],
    ['a file that is no model', 'hello'],
  ])('%s fails the start with its name', async (_, content) => {
    const folder = mkdtempSync(join(tmpdir(), 'chrysalis-engine-'))
    const file = join(folder, 'model.gguf')
    if (content !== undefined) writeFileSync(file, content)
    await expect(start(file)).rejects.toMatchObject({ code: 'model-unusable', message: expect.stringContaining(file) })
    rmSync(folder, { recursive: true })
  })
})
