import { describe, expect, test } from 'vitest'
import { ChoiceStream } from '../../src/agent/endpoints/choice-stream.ts'
import { requireLoopback } from '../../src/agent/engine-address.ts'
import { parseModels } from '../../src/agent/engine-models.ts'
import { errorAnswer } from '../../src/agent/error-answer.ts'
import { AgentError } from '../../src/agent/errors.ts'
import { Tally } from '../../src/agent/tally.ts'
import { endpoints, type ReadRequest, readRequest } from '../../src/openai/index.ts'
import { chat, offer } from './fixture.ts'

const events = (...data: unknown[]) =>
  data.map(value => ({ data: typeof value === 'string' ? value : JSON.stringify(value), event: undefined }))
const delta = (content: string, more: object = {}, index = 0) => ({
  id: 'a',
  choices: [{ index, delta: { content }, finish_reason: null }],
  ...more,
})
const stopped = (index = 0) => ({ id: 'a', choices: [{ index, delta: {}, finish_reason: 'stop' }] })
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

function stream(body: object = {}) {
  const asked = chat({ stream: true, ...body })
  const { facts } = readRequest(
    endpoints.get('/v1/chat/completions')!,
    'application/json',
    Buffer.from(JSON.stringify(asked)),
  ) as ReadRequest
  const tally = new Tally({ promptMost: 100, completionMost: 100, choices: facts.generates!.choices })
  return { stream: new ChoiceStream({ facts, form: 'chat', tally, price: offer }), tally }
}

const accepted = (body: object, ...data: unknown[]) => {
  const { stream: chunks } = stream(body)
  return events(...data)
    .map(event => chunks.accept(event))
    .join('')
}

describe('a chunk on its way', () => {
  test('passes word for word where it has no usage', () => {
    const odd = '{ "id" : 1.0, "choices": [ {"delta":{"content":"\\u00fc,\\"usage\\":"},"index":0} ], "x":12345678901234567890 }'
    expect(accepted({}, odd)).toBe(`data: ${odd}\n\n`)
  })

  test('loses its usage and nothing else, wherever that stands', () => {
    expect(accepted({}, delta('a', { usage }))).toBe(`data: ${JSON.stringify(delta('a'))}\n\n`)
    expect(accepted({}, { usage, ...delta('a') })).toBe(`data: ${JSON.stringify(delta('a'))}\n\n`)
    expect(accepted({}, delta('a', { usage: null }))).toBe(`data: ${JSON.stringify(delta('a'))}\n\n`)
    expect(accepted({}, delta('a', { usage, more: 1 }))).toBe(`data: ${JSON.stringify(delta('a', { more: 1 }))}\n\n`)
    expect(accepted({}, delta('a', { inner: { a: 1, usage } }))).toBe(`data: ${JSON.stringify(delta('a', { inner: { a: 1, usage } }))}\n\n`)
  })

  test('says null for usage that comes at the end', () => {
    expect(accepted({ stream_options: { include_usage: true } }, delta('a', { usage }))).toBe(
      `data: ${JSON.stringify(delta('a', { usage: null }))}\n\n`,
    )
  })

  test('is put on one line', () => {
    expect(accepted({}, JSON.stringify(delta('a', { usage }), null, 2))).toBe(`data: ${JSON.stringify(delta('a'))}\n\n`)
    expect(accepted({}, JSON.stringify(delta('a'), null, 2))).toBe(`data: ${JSON.stringify(delta('a'))}\n\n`)
  })

  test.each([
    ['no object', '7'],
    ['no choices', '{"a":1}'],
    ['a choice that is none', '{"choices":[7]}'],
    ['a delta that is none', '{"choices":[{"index":0,"delta":"x"}]}'],
    ['a wrong index', '{"choices":[{"index":-1,"delta":{}}]}'],
    ['a choice that nobody asked for', '{"choices":[{"index":1,"delta":{}}]}'],
    ['a huge index', '{"choices":[{"index":9007199254740993,"delta":{}}]}'],
    ['an index in words', '{"choices":[{"index":"__proto__","delta":{}}]}'],
    ['[DONE] before any choice', '[DONE]'],
    ['half an object', '{"choices":['],
  ])('with %s is garbage', (_what, data) => {
    expect(() => accepted({}, data)).toThrow(expect.objectContaining({ code: 'engine-garbage' }))
  })

  test('with an error ends the answer', () => {
    expect(() => accepted({}, { error: { message: 'x' } })).toThrow(expect.objectContaining({ code: 'engine-refused' }))
    expect(() => stream().stream.accept({ data: '{"message":"x"}', event: 'error' })).toThrow(
      expect.objectContaining({ code: 'engine-refused' }),
    )
  })
})

describe('the end of a stream', () => {
  test('is there when every choice has finished', () => {
    const { stream: chunks } = stream({ n: 2 })
    for (const event of events(delta('a'), delta('b', {}, 1), stopped())) chunks.accept(event)
    expect(() => chunks.accept({ data: '[DONE]', event: undefined })).toThrow(expect.objectContaining({ code: 'engine-garbage' }))
    chunks.accept(events(stopped(1))[0]!)
    chunks.accept({ data: '[DONE]', event: undefined })
    expect(chunks.done).toBe(true)
  })

  test('has a usage chunk even where the engine gave none', () => {
    const { stream: chunks, tally } = stream({ stream_options: { include_usage: true } })
    for (const event of events(delta('a'), delta('b'), stopped(), '[DONE]')) chunks.accept(event)
    expect(chunks.ending(tally.usage())).toBe(
      `data: ${JSON.stringify({ id: 'a', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cost: '7' } })}\n\ndata: [DONE]\n\n`,
    )
  })

  test('that is cut off says so for the choices that have not finished', () => {
    const { stream: chunks, tally } = stream({ n: 2 })
    for (const event of events(delta('a'), delta('b', {}, 1), stopped())) chunks.accept(event)
    expect(chunks.cutOff(tally.usage())).toBe(
      'data: {"id":"a","choices":[{"index":1,"delta":{},"logprobs":null,"finish_reason":"length"}]}\n\ndata: [DONE]\n\n',
    )
  })

  test('counts sound as what stands for it', () => {
    const { stream: chunks, tally } = stream()
    chunks.accept(
      events({
        choices: [{ index: 0, delta: { audio: { data: 'UklGRiQAAABXQVZF' } }, finish_reason: 'stop' }],
        usage: { ...usage, completion_tokens: 15 },
      })[0]!,
    )
    expect(tally.usage().completion).toBe(15)
  })

  test('counts reasoning and tool calls as text', () => {
    const { stream: chunks, tally } = stream()
    const call = {
      choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { name: 'f', arguments: '{"a":1}' } }] }, finish_reason: null }],
    }
    const thought = { choices: [{ index: 0, delta: { reasoning_content: 'hm', reasoning: 'hm' }, finish_reason: null }] }
    for (const event of events(thought, call)) chunks.accept(event)
    expect(tally.usage()).toMatchObject({ completion: 1, reasoning: 1 })
  })
})

describe('the list of models', () => {
  const byDefault = { offer: () => offer, defaultContextLength: 7, endpoints: undefined }
  const usual = ['/v1/chat/completions', '/v1/completions']
  const parse = (...data: unknown[]) => parseModels({ data }, byDefault)

  test('is read in the forms of several engines', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(
      parse(
        { id: 'b', max_model_len: 10 },
        { id: 'a', context_length: 20, weights_digest: digest },
        { id: 'c', meta: { n_ctx_train: 30 } },
        { id: 'd' },
      ),
    ).toEqual([
      { id: 'a', weights_digest: digest, context_length: 20, endpoints: usual, offer },
      { id: 'b', weights_digest: null, context_length: 10, endpoints: usual, offer },
      { id: 'c', weights_digest: null, context_length: 30, endpoints: usual, offer },
      { id: 'd', weights_digest: null, context_length: 7, endpoints: usual, offer },
    ])
  })

  test('takes nothing on trust', () => {
    expect(
      parse({ id: 7 }, null, { id: '' }, { id: 'a b' }, { id: 'x'.repeat(300) }, { id: 'a', context_length: -1, weights_digest: 'md5:1' }),
    ).toEqual([{ id: 'a', weights_digest: null, context_length: 7, endpoints: usual, offer }])
    for (const list of [null, [], { data: {} }, { data: Array.from({ length: 2_000 }, (_, id) => ({ id: `${id}` })) }]) {
      expect(() => parseModels(list, byDefault)).toThrow(expect.objectContaining({ code: 'engine-garbage' }))
    }
  })
})

describe('an error of the engine', () => {
  const answer = (status: number, body: unknown) =>
    errorAnswer(
      new AgentError('engine-refused', 'x', { status, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }),
    )

  test.each<[string, unknown, string]>([
    ['OpenAI’s', { error: { message: 'too long', type: 'x', param: 'messages', code: 'context_length_exceeded' } }, 'too long'],
    ['vLLM’s older', { object: 'error', message: 'too long', type: 'BadRequestError', code: 400 }, 'too long'],
    ['Ollama’s', { error: 'too long' }, 'too long'],
    ['FastAPI’s', { detail: 'too long' }, 'too long'],
    ['another', 'too long', 'The engine refused the request.'],
    ['a list', '[1]', 'The engine refused the request.'],
  ])('in %s form becomes OpenAI’s object', (_what, body, message) => {
    const { status, error } = answer(400, body)
    expect(status).toBe(400)
    expect(error).toMatchObject({ message, type: 'invalid_request_error' })
    expect(Object.keys(error)).toEqual(['message', 'type', 'param', 'code'])
  })

  test('keeps a code worth branching on, and bounds the rest', () => {
    expect(answer(400, { error: { message: 'm', code: 'context_length_exceeded' } }).error.code).toBe('context_length_exceeded')
    expect(answer(400, { error: { message: 'm', code: 'Bad Request!' } }).error.code).toBeNull()
    expect(answer(400, { error: { message: `${'m'.repeat(5_000)}`, param: 'p'.repeat(500) } }).error).toMatchObject({
      message: 'm'.repeat(2_000),
      param: 'p'.repeat(100),
    })
    expect(answer(422, { error: { message: 'a\u001b[2J\ud800' } }).error.message).toBe('a [2J\ufffd')
  })

  test.each([401, 403, 404, 302, 500, 503])('of status %i is the worker’s, and says nothing of the engine', status => {
    expect(answer(status, { error: { message: 'SECRET' } })).toEqual({
      status: 502,
      error: { message: 'The engine failed.', type: 'server_error', param: null, code: 'engine_failed' },
    })
  })

  test('that nobody foresaw says nothing at all', () => {
    expect(errorAnswer(new Error('SECRET'))).toEqual({
      status: 500,
      error: { message: 'The worker failed to serve this request.', type: 'server_error', param: null, code: 'internal_error' },
    })
  })
})

describe('the engine’s address', () => {
  test.each(['http://127.0.0.1:8000', 'http://127.9.9.9', 'http://[::1]:1', 'http://localhost:8000/base'])('may be %s', url => {
    expect(() => requireLoopback(url)).not.toThrow()
  })

  test.each([
    'http://10.0.0.1',
    'http://engine:8000',
    'https://127.0.0.1',
    'http://127.0.0.1.example.com',
    'http://0.0.0.0:80',
    'http://[::]:1',
    'http://[::ffff:10.0.0.1]/',
  ])('may not be %s', url => {
    expect(() => requireLoopback(url)).toThrow(expect.objectContaining({ code: 'unsafe-engine' }))
  })
})
