/** Event streams in every way the standard lets an engine write them: the caller sees one and the same. */
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/agent/budget.ts'
import { endpoints as written } from '../../src/agent/endpoints/index.ts'
import { SseParser } from '../../src/agent/sse.ts'
import { Tally } from '../../src/agent/tally.ts'
import { endpoints, type ReadRequest, readRequest } from '../../src/openai/index.ts'
import { sample } from '../support/requests.ts'
import { askAt, chat, offer, setUp } from './fixture.ts'

interface Dialect {
  readonly eol: string
  readonly mark: boolean
  /** What stands between two events and, where it may, between two lines of one. */
  readonly noise: readonly string[]
  /** JSON on several lines, as `data` lines. */
  readonly spread: boolean
  /** A space after the colon. */
  readonly spaced: boolean
}

const plain: Dialect = { eol: '\n', mark: false, noise: [], spread: false, spaced: true }

const dialects: fc.Arbitrary<Dialect> = fc.record({
  eol: fc.constantFrom('\n', '\r', '\r\n'),
  mark: fc.boolean(),
  noise: fc.array(fc.constantFrom(': ping', ':', 'id: 7', 'retry: 10', 'unknown', ': data: [DONE]', ': zwölf 🦊'), { maxLength: 3 }),
  spread: fc.boolean(),
  spaced: fc.boolean(),
})

interface Spoken {
  readonly data: object | string
  readonly event?: string
}

function spokenIn(events: readonly Spoken[], { eol, mark, noise, spread, spaced }: Dialect): Buffer {
  const line = (name: string, value: string) => `${name}:${spaced ? ' ' : ''}${value}${eol}`
  const between = noise.map(text => text + eol).join('')
  const body = events.map(({ data, event }) => {
    const text = typeof data === 'string' ? data : JSON.stringify(data, null, spread ? 1 : undefined)
    const lines = text.split('\n').map(part => line('data', part))
    return between + eol + (event === undefined ? '' : line('event', event)) + lines.join(between) + eol
  })
  return Buffer.from((mark ? '\ufeff' : '') + body.join(''))
}

const words = ['Grüße', ' ', '世界', ' 👋🏽', ' "data: [DONE]"', '\n\n', '\u2028', ' end']
const usage = { prompt_tokens: 3, completion_tokens: words.length, total_tokens: 3 + words.length }
const chunk = (choice: object, more: object = {}) => ({
  id: 'a',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [choice],
  ...more,
})
const chatEvents: Spoken[] = [
  { data: chunk({ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }) },
  ...words.map(content => ({ data: chunk({ index: 0, delta: { content }, finish_reason: null }, { usage }) })),
  { data: chunk({ index: 0, delta: {}, finish_reason: 'stop' }) },
  { data: { id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage } },
  { data: '[DONE]' },
]
const response = { id: 'r', object: 'response', output: [], usage: { input_tokens: 3, output_tokens: 8, total_tokens: 11 } }
const responseEvents: Spoken[] = [
  { event: 'response.created', data: { type: 'response.created', sequence_number: 0, response } },
  ...words.map((delta, index) => ({
    event: 'response.output_text.delta',
    data: { type: 'response.output_text.delta', sequence_number: index + 1, delta },
  })),
  { event: 'response.completed', data: { type: 'response.completed', sequence_number: 9, response } },
]

/** What a caller is sent for `bytes` that come cut at `cuts`, and what is counted. */
function passed(path: string, body: object, bytes: Buffer, cuts: readonly number[]) {
  const { facts } = readRequest(endpoints.get(path)!, 'application/json', Buffer.from(JSON.stringify(body))) as ReadRequest
  const tally = new Tally({ promptMost: 100, completionMost: 100, choices: 1 })
  const reader = written.get(path)!.reader({ facts, model: 'scripted', tally, budget: new Budget('1000000', offer), price: offer })
  if (reader.kind !== 'events') throw new Error('no stream')
  const parser = new SseParser(10_000)
  const at = [0, ...[...cuts].map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const sent: string[] = []
  for (const [index, end] of at.slice(1).entries())
    for (const event of parser.push(bytes.subarray(at[index], end))) if (!reader.done) sent.push(reader.accept(event))
  return { sent: [...sent, reader.ending(tally.usage())].filter(text => text !== ''), usage: tally.usage(), finish: reader.finish }
}

describe('the caller sees the same events, byte for byte, whatever the engine’s line ends, comments and cuts', () => {
  test.each([
    { path: '/v1/chat/completions', body: chat({ stream: true }), events: chatEvents },
    { path: '/v1/chat/completions', body: chat({ stream: true, stream_options: { include_usage: true } }), events: chatEvents },
    { path: '/v1/responses', body: { model: 'scripted', input: 'x', stream: true }, events: responseEvents },
  ])('$path $body.stream_options', ({ path, body, events }) => {
    const expected = passed(path, body, spokenIn(events, plain), [])
    expect(expected.usage).toMatchObject({ prompt: 3, completion: 8 })
    fc.assert(
      fc.property(dialects, fc.array(fc.nat(5_000), { maxLength: 40 }), (dialect, cuts) => {
        expect(passed(path, body, spokenIn(events, dialect), cuts)).toEqual(expected)
      }),
      { numRuns: 300 },
    )
    const odd: Dialect = { eol: '\r\n', mark: true, noise: [': ping', 'id: 7'], spread: true, spaced: false }
    const bytes = spokenIn(events, odd)
    expect(
      passed(
        path,
        body,
        bytes,
        Array.from({ length: bytes.length }, (_, index) => index),
      ),
    ).toEqual(expected)
  })
})

describe('over real sockets', () => {
  const crlf = { ...plain, eol: '\r\n', mark: true, noise: [': ping', 'retry: 5'] }
  test.each<[string, Dialect]>([
    ['LF', plain],
    ['CR and JSON on several lines', { ...plain, eol: '\r', spread: true }],
    ['CRLF with comments and a byte order mark', crlf],
  ])('one byte a segment, %s', async (_, dialect) => {
    let bytes = spokenIn(chatEvents, plain)
    const { client } = await setUp({
      custom: async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.socket!.setNoDelay(true)
        for (const byte of bytes) {
          response.write(Buffer.from([byte]))
          await setImmediate()
        }
        response.end()
      },
    })
    const body = chat({ stream: true, stream_options: { include_usage: true } })
    const expected = await client.ask(body)
    bytes = spokenIn(chatEvents, dialect)
    const call = await client.ask(body)
    expect(call).toMatchObject({ finish: 'stop', defect: undefined, doneCount: 1, said: words.join(''), text: expected.text })
    expect(call.receipt).toMatchObject({ usage: { prompt: 3, completion: words.length } })
  })
})

describe('[DONE]', () => {
  const raw = (text: string) => ({
    custom: async (_: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text)
    },
  })
  const good = spokenIn(chatEvents, plain).toString()

  test.each([
    ['once', good],
    ['twice', `${good}data: [DONE]\n\n`],
    ['and then more', `${good}data: {"choices":[{"index":0,"delta":{"content":"more"},"finish_reason":null}]}\n\n`],
    ['and then nonsense', `${good}data: {{{\n\n`],
  ])('is passed on once where the engine says it %s', async (_, text) => {
    const { client } = await setUp(raw(text))
    const call = await client.ask(chat({ stream: true }))
    expect(call).toMatchObject({ finish: 'stop', doneCount: 1, said: words.join(''), defect: undefined })
    expect(call.text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('that has no blank line after it has not come', async () => {
    const { client } = await setUp(raw(good.slice(0, -1)))
    expect(await client.ask(chat({ stream: true }))).toMatchObject({ finish: 'error', doneCount: 0, error: { status: 502 } })
  })
})

describe('the usage chunk', () => {
  const asking: { options: unknown; chunks: number }[] = [
    { options: undefined, chunks: 0 },
    { options: null, chunks: 0 },
    { options: {}, chunks: 0 },
    { options: { include_usage: false }, chunks: 0 },
    { options: { include_usage: null }, chunks: 0 },
    { options: { include_usage: false, continuous_usage_stats: true }, chunks: 0 },
    { options: { include_usage: true }, chunks: 1 },
  ]
  const paths = ['/v1/chat/completions', '/v1/completions']
  const engines = [{ continuous: true }, { continuous: false }]
  const cases = paths.flatMap(path => engines.flatMap(engine => asking.map(asked => ({ path, ...engine, ...asked }))))

  test.each(cases)(
    '$path: $chunks for $options (the engine counts on the way: $continuous)',
    async ({ path, continuous, options, chunks }) => {
      const { client, engine } = await setUp({ continuous })
      const body = { ...(sample(path, true).body() as object), ...(options === undefined ? {} : { stream_options: options }) }
      const call = await askAt(client, { path, stream: true, body })
      expect(call.chunks.filter(({ usage: counts }) => counts)).toHaveLength(chunks)
      expect(call.chunks.filter(({ choices }) => (choices as []).length === 0)).toHaveLength(chunks)
      expect(call.text.includes('"usage"')).toBe(chunks > 0)
      expect(call).toMatchObject({ doneCount: 1, receipt: { usage: { prompt: 12, completion: 6 } } })
      expect(engine.requests[0]!.body.stream_options).toMatchObject({ include_usage: true, continuous_usage_stats: true })
    },
  )
})
