/** The scripted engine by itself: what it says where nothing spoils it, so that other tests can build on it. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { type EngineMode, everyEndpoint, ScriptedEngine, type ScriptedEngineOptions } from './scripted-engine.ts'

const bodies: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'Hi' }] },
  '/v1/completions': { prompt: 'Hi' },
  '/v1/embeddings': { input: ['a', 'b'] },
  '/v1/responses': { input: 'Hi' },
  '/v1/images/generations': { prompt: 'a cat', n: 2 },
  '/v1/audio/speech': { input: 'Hi', voice: 'alloy' },
  '/v1/moderations': { input: 'Hi' },
  '/v1/rerank': { query: 'q', documents: ['a', 'b'] },
}

async function start(options: ScriptedEngineOptions = {}): Promise<ScriptedEngine> {
  const engine = await ScriptedEngine.start(options)
  onTestFinished(() => engine.close())
  return engine
}

async function ask(engine: ScriptedEngine, path: string, more: object = {}): Promise<{ contentType: string; text: string }> {
  const response = await fetch(engine.url + path, { method: 'POST', ...request(path, more) })
  expect(response.status).toBe(200)
  return { contentType: response.headers.get('content-type')!, text: await response.text() }
}

function request(path: string, more: object): RequestInit {
  if (path !== '/v1/audio/transcriptions') return { body: JSON.stringify({ model: 'scripted', ...bodies[path], ...more }) }
  const body = new FormData()
  for (const [name, value] of Object.entries({ model: 'scripted', ...more })) body.append(name, String(value))
  body.append('file', new Blob(['sound'], { type: 'audio/wav' }), 'a.wav')
  return { body }
}

const data = (text: string) => Array.from(text.matchAll(/^data: (.*)$/gm), match => match[1]!)

describe('the scripted engine', () => {
  test('lists its models with the paths that serve them', async () => {
    const engine = await start()
    const list = (await (await fetch(`${engine.url}/v1/models`)).json()) as { data: object[] }
    expect(list.data).toEqual([expect.objectContaining({ id: 'scripted', object: 'model', endpoints: everyEndpoint })])
    expect(everyEndpoint).toHaveLength(9)
    expect((await fetch(`${engine.url}/openapi.json`)).status).toBe(404)
    expect((await fetch(`${engine.url}/v1/nothing`, { method: 'POST', body: '{}' })).status).toBe(404)
  })

  test.each(everyEndpoint)('has a good answer for %s', async path => {
    const engine = await start()
    const { text, contentType } = await ask(engine, path)
    if (path === '/v1/audio/speech') {
      expect(contentType).toBe('audio/mpeg')
      expect(text).toBe(engine.text)
    } else expect(JSON.parse(text)).toEqual(expect.any(Object))
    expect(engine.requests[0]).toMatchObject({ path, body: { model: 'scripted' }, made: expect.any(Number) })
  })

  test.each(['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/audio/transcriptions'])('streams %s', async path => {
    const engine = await start()
    const { text, contentType } = await ask(engine, path, { stream: true })
    expect(contentType).toContain('text/event-stream')
    const events = data(text)
    const isTyped = !path.endsWith('completions')
    if (isTyped) expect(JSON.parse(events.at(-1)!)).toMatchObject({ type: expect.stringMatching(/completed$|done$/) })
    else expect(events.at(-1)).toBe('[DONE]')
    const said = events.filter(event => event !== '[DONE]').map(event => JSON.parse(event) as Record<string, unknown>)
    if (path === '/v1/responses') {
      expect(said.map(event => event.sequence_number)).toEqual(said.map((_, index) => index))
      expect(said.at(-1)).toMatchObject({ response: { usage: { input_tokens: 12, output_tokens: 6, total_tokens: 18 } } })
    }
  })

  test.each(everyEndpoint)('echoes what it got on %s', async path => {
    const engine = await start({ mode: 'echo' })
    const { text } = await ask(engine, path, { marker: 'MARK' })
    expect(text).toContain('MARK')
    const streams = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/audio/transcriptions']
    if (!streams.includes(path)) return
    const streamed = await ask(engine, path, { stream: true, marker: 'MARK' })
    expect(data(streamed.text).length).toBeGreaterThan(4)
  })

  test('calls the functions it is offered, until there is a result', async () => {
    const engine = await start({ mode: 'capable' })
    const tools = [
      { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } },
    ]
    const path = '/v1/chat/completions'
    const asked = JSON.parse((await ask(engine, path, { tools })).text)
    expect(asked.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: null, tool_calls: [{ type: 'function', function: { name: 'weather', arguments: '{"city":"scripted"}' } }] },
    })
    const messages = [{ role: 'tool', tool_call_id: 'a', content: 'rain' }]
    expect(JSON.parse((await ask(engine, path, { tools, messages })).text).choices[0].message.content).toBe(engine.text)
    const streamed = data((await ask(engine, path, { tools, stream: true })).text)
      .slice(0, -1)
      .map(event => JSON.parse(event))
    const parts = streamed.flatMap(chunk => chunk.choices[0]?.delta.tool_calls ?? [])
    expect(parts.map(part => part.function.arguments).join('')).toBe('{"city":"scripted"}')
  })

  test('answers in the form that is asked for', async () => {
    const engine = await start({ mode: 'capable' })
    const schema = { type: 'object', properties: { a: { enum: ['x'] }, b: { type: 'array', items: { type: 'integer' } } } }
    const body = { response_format: { type: 'json_schema', json_schema: { name: 'f', schema } } }
    const { text } = await ask(engine, '/v1/chat/completions', body)
    expect(JSON.parse(JSON.parse(text).choices[0].message.content)).toEqual({ a: 'x', b: [1] })
  })

  test('makes one token for each step', async () => {
    const engine = await start({ mode: 'stepped' })
    const asked = ask(engine, '/v1/chat/completions', { stream: true })
    const request = await engine.asked()
    expect(request.made).toBe(0)
    engine.step(2)
    await expect.poll(() => request.made).toBe(2)
    engine.step(4)
    expect(data((await asked).text).at(-1)).toBe('[DONE]')
  })

  test.each<EngineMode>(['huge-line', 'endless'])('makes %s as it is taken, and stops when nobody takes it', async mode => {
    const engine = await start({ mode })
    const leaving = new AbortController()
    const response = await fetch(`${engine.url}/v1/chat/completions`, {
      method: 'POST',
      ...request('/v1/chat/completions', { stream: true }),
      signal: leaving.signal,
    })
    await response.body!.getReader().read()
    const [record] = engine.requests
    await expect
      .poll(
        async () => {
          const before = record!.written
          await new Promise(resolve => setImmediate(resolve))
          return record!.written - before
        },
        { timeout: 10_000, interval: 100 },
      )
      .toBe(0)
    expect(record!.written).toBeLessThan(64 * 1024 * 1024)
    leaving.abort()
    await record!.closed
    expect(record!.leftAt).toBeDefined()
  })
})
