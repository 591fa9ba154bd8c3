import { describe, expect, test } from 'vitest'
import { kemX25519 } from '../../src/envelope/index.ts'
import { askAt, chat, costAt, setUp } from './fixture.ts'

describe('an answer in one piece', () => {
  test('comes sealed, with usage, cost and receipt', async () => {
    const { client, engine } = await setUp()
    const call = await client.ask(chat({ max_tokens: 50, temperature: 0 }))
    expect(call).toMatchObject({ status: 200, contentType: 'application/json', finish: 'stop', defect: undefined })
    const answer = JSON.parse(call.text) as { choices: { message: { content: string } }[]; usage: Record<string, unknown> }
    expect(answer.choices[0]!.message.content).toBe(engine.text)
    const usage = { prompt: 12, cached: 0, completion: 6, reasoning: 0 }
    expect(answer.usage).toEqual({ prompt_tokens: 12, completion_tokens: 6, total_tokens: 18, cost: costAt(usage) })
    expect(call.receipt).toMatchObject({ usage, cost: '30', finish: 'stop', model: 'scripted', worker: 'worker-1' })
    expect(call.order).toEqual(['head', 'data', 'final', 'receipt'])
    expect(engine.requests[0]!.body).toEqual(chat({ cache_salt: expect.any(String), max_tokens: 50, temperature: 0 }))
  })

  test('charges cached tokens as such', async () => {
    const { client } = await setUp({ cachedTokens: 5 })
    const call = await client.ask(chat())
    expect(call.receipt?.usage).toEqual({ prompt: 7, cached: 5, completion: 6, reasoning: 0 })
    expect((JSON.parse(call.text) as { usage: object }).usage).toMatchObject({
      prompt_tokens: 12,
      prompt_tokens_details: { cached_tokens: 5 },
      cost: '28',
    })
  })

  test('may be asked for under X25519 as well', async () => {
    const { client } = await setUp()
    expect(await client.ask(chat(), { kem: kemX25519 })).toMatchObject({ status: 200, finish: 'stop', defect: undefined })
  })

  test('many at once are kept apart', async () => {
    const { client } = await setUp()
    const calls = await Promise.all(Array.from({ length: 30 }, (_, index) => client.ask(chat({ stream: index % 2 === 0 }))))
    expect(calls.map(call => call.finish)).toEqual(calls.map(() => 'stop'))
    expect(new Set(calls.map(call => call.receipt?.rid)).size).toBe(30)
  })
})

describe('a stream', () => {
  test('passes as it came, without the usage that nobody asked for, and ends by one [DONE]', async () => {
    const { client, engine } = await setUp()
    const call = await client.ask(chat({ stream: true }))
    expect(call).toMatchObject({
      status: 200,
      contentType: 'text/event-stream; charset=utf-8',
      finish: 'stop',
      doneCount: 1,
      said: engine.text,
      defect: undefined,
    })
    expect(call.text).not.toContain('usage')
    expect(call.text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(call.receipt).toMatchObject({ usage: { prompt: 12, cached: 0, completion: 6, reasoning: 0 }, cost: '30', finish: 'stop' })
    expect(engine.requests[0]!.body.stream_options).toEqual({ include_usage: true, continuous_usage_stats: true })
  })

  test('has one usage chunk with the cost where it was asked for', async () => {
    const { client } = await setUp()
    const call = await client.ask(chat({ stream: true, stream_options: { include_usage: true } }))
    const withUsage = call.chunks.filter(chunk => chunk.usage)
    expect(withUsage).toEqual([call.chunks.at(-1)])
    expect(withUsage[0]).toMatchObject({
      choices: [],
      id: 'chatcmpl-scripted',
      usage: { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18, cost: '30' },
    })
    expect(call.chunks.slice(0, -1).every(chunk => chunk.usage === null)).toBe(true)
  })

  test('has usage in every chunk where that was asked for', async () => {
    const { client } = await setUp()
    const call = await client.ask(chat({ stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } }))
    expect(call.chunks.map(chunk => (chunk.usage as { completion_tokens: number }).completion_tokens)).toEqual([0, 1, 2, 3, 4, 5, 6, 6, 6])
    expect(call.chunks.every(chunk => typeof (chunk.usage as { cost: unknown }).cost === 'string')).toBe(true)
  })

  test('comes token by token', async () => {
    const { client } = await setUp({ mode: 'paced', paceMs: 20 })
    const call = client.send(chat({ stream: true }))
    await call.until(({ said }) => said === 'Hello')
    expect(call.finish).toBeUndefined()
    await call.ended
    expect(call.finish).toBe('stop')
  })

  test('is charged the same whether the engine counts on the way or not', async () => {
    const { client } = await setUp({ continuous: false })
    const call = await client.ask(chat({ stream: true }))
    expect(call.receipt).toMatchObject({ usage: { prompt: 12, cached: 0, completion: 6, reasoning: 0 }, cost: '30' })
  })

  test('signs a checkpoint as soon as the prompt is counted, then one every 64 tokens, and none of them falls', async () => {
    const tokens = Array.from({ length: 200 }, (_, index) => ` ${index}`)
    const { client } = await setUp({ mode: 'paced', paceMs: 1, tokens })
    const call = await client.ask(chat({ stream: true }))
    expect(call.order.slice(0, 3)).toEqual(['head', 'data', 'checkpoint'])
    expect(call.order.slice(-2)).toEqual(['final', 'receipt'])
    expect(call.checkpoints[0]!.usage.prompt).toBe(12)
    const counts = call.checkpoints.map(checkpoint => checkpoint.usage.completion)
    expect(counts.length).toBeGreaterThanOrEqual(4)
    expect(counts.length).toBeLessThanOrEqual(6)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(call.receipt?.usage.completion).toBe(200)
  })
})

describe('several answers in one', () => {
  const cases = [
    { path: '/v1/chat/completions', body: chat({ n: 3 }), choices: 3 },
    { path: '/v1/completions', body: { model: 'scripted', prompt: ['one', 'two'], n: 2 }, choices: 4 },
    { path: '/v1/completions', body: { model: 'scripted', prompt: [[1, 2], [3], [4, 5]] }, choices: 3 },
  ]
  const kinds = [{ stream: false }, { stream: true, continuous: true }, { stream: true, continuous: false }]

  test.each(cases.flatMap(each => kinds.map(kind => ({ ...each, ...kind }))))(
    '$path $body.prompt: $choices are all counted (stream: $stream, counted on the way: $continuous)',
    async ({ path, body, choices, stream, continuous = true }) => {
      const { client } = await setUp({ continuous })
      const call = await askAt(client, {
        path,
        stream,
        body: { ...body, ...(stream ? { stream, stream_options: { include_usage: true } } : {}) },
      })
      const usage = { prompt: 12, cached: 0, completion: 6 * choices, reasoning: 0 }
      expect(call).toMatchObject({ finish: 'stop', defect: undefined, receipt: { usage, cost: costAt(usage) } })
      const told = stream ? call.chunks.at(-1)! : (JSON.parse(call.text) as Record<string, unknown>)
      expect(told.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 6 * choices })
    },
  )

  test('of which an engine makes one more than was asked for are no answer, and free', async () => {
    const choice = (index: number) => ({ index, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' })
    const { client } = await setUp({
      custom: async (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ choices: [choice(0), choice(1), choice(2)] }))
      },
    })
    expect(await client.ask(chat({ n: 2 }))).toMatchObject({ finish: 'error', error: { status: 502 }, receipt: { cost: '0' } })
  })
})
