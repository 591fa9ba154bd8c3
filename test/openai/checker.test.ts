/** The checker that stands over the whole suite: it has to fail for every kind of broken answer, or it proves nothing. */
import { describe, expect, test } from 'vitest'
import { AnswerChecker, checkAnswer, checkResponse } from '../support/answers/check-answer.ts'
import { responseUsage, wholeResponse } from './response-samples.ts'
import { samples, usage } from './samples.ts'

const headers = () => new Headers({ 'x-request-id': `req_${'0'.repeat(24)}`, 'x-chrysalis-tee': 'simulated' })
const chat = samples.find(({ name }) => name === 'a chat')!.least
const [chunk] = samples.filter(({ name }) => name === 'a chunk of a chat').map(({ least }) => least)

function json(body: unknown, { path = '/v1/chat/completions', status = 200, method = 'POST', contentType = 'application/json' } = {}) {
  checkAnswer({ method, path, status, contentType, headers: headers() }, JSON.stringify(body))
}

function stream(text: string, { path = '/v1/chat/completions', whole = true, pieces = text.length } = {}): void {
  const head = { method: 'POST', path, status: 200, contentType: 'text/event-stream; charset=utf-8', headers: headers() }
  const checker = new AnswerChecker(head)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieces) checker.push(bytes.subarray(at, at + pieces))
  checker.end(whole)
}

const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const done = 'data: [DONE]\n\n'
const piece = (delta: object, finish_reason: string | null = null, index = 0) =>
  event({ ...chunk, choices: [{ index, delta, finish_reason }] })
const good = piece({ role: 'assistant', content: '' }) + piece({ content: 'é' }) + piece({}, 'stop')
const usageChunk = event({ ...chunk, choices: [], usage })
const error = { error: { message: 'm', type: 'server_error', param: null, code: null } }

describe('JSON', () => {
  test('that is as described passes, with a query and a slash in an id', () => {
    json(chat)
    json(chat, { path: '/v1/chat/completions?beta=1' })
    const model = samples.find(({ name }) => name === 'a model')!.least
    json(model, { path: '/v1/models/org/m', method: 'GET' })
  })

  test('with a member missing fails, and the member is named', () => {
    const { usage: _, ...broken } = chat
    expect(() => json(broken)).toThrow("POST /v1/chat/completions 200: 'usage'")
    const choices = [{ index: 0, message: { role: 'assistant', content: 'a' }, logprobs: null, finish_reason: 'stop' }]
    expect(() => json({ ...chat, choices })).toThrow("'choices.0.message.refusal'")
  })

  test.each([
    ['of another endpoint', () => json(chat, { path: '/v1/embeddings' })],
    ['under a status that is not described', () => json(chat, { status: 201 })],
    ['of a path that is not described', () => json(chat, { path: '/v1/other' })],
    ['under another media type', () => json(chat, { contentType: 'text/html' })],
    ['that is none', () => checkAnswer({ method: 'POST', path: '/v1/rerank', status: 200, contentType: 'application/json' }, '<html>')],
    ['an error that is none', () => json({ error: 'no' }, { status: 400 })],
    ['an error with a member too few', () => json({ error: { message: 'm', type: 't', param: null } }, { status: 404 })],
    ['a body where there must be none', () => json(chat, { status: 204 })],
  ])('%s fails', (_, check) => {
    expect(check).toThrow()
  })

  test('errors pass on every path, described or not', () => {
    json(error, { status: 404, path: '/v1/other' })
    json(error, { status: 405, path: '/v1/models', method: 'PUT' })
  })

  test('a cut body is not taken for a broken one', () => {
    const head = { method: 'POST', path: '/v1/completions', status: 200, contentType: 'application/json' }
    const checker = new AnswerChecker(head)
    checker.push(Buffer.from('{"id":'))
    checker.end(false)
  })
})

describe('headers', () => {
  test.each([
    ['no request id', { 'x-request-id': null }],
    ['a request id of another form', { 'x-request-id': 'abc' }],
    ['a wait that is no number', { 'retry-after-ms': 'soon' }],
    ['an unknown TEE', { 'x-chrysalis-tee': 'sgx' }],
    ['a header of ours that nobody described', { 'x-chrysalis-mood': 'good' }],
    ['a reset without a unit', { 'x-ratelimit-reset-requests': '10' }],
  ])('%s fails', (_, changes) => {
    const changed = headers()
    for (const [name, value] of Object.entries(changes))
      if (value === null) changed.delete(name)
      else changed.set(name, value)
    const head = { method: 'GET', path: '/healthz', status: 200, contentType: 'application/json', headers: changed }
    expect(() => checkAnswer(head, '{"status":"ok"}')).toThrow('header' in changes ? '' : /header|x-request-id/)
  })

  test('of a response are checked with its body', async () => {
    const response = new Response(JSON.stringify(chat), { headers: headers() })
    response.headers.set('content-type', 'application/json')
    expect(await (await checkResponse('POST', '/v1/chat/completions', response)).json()).toEqual(chat)
    const other = new Response(JSON.stringify(chat), response)
    await expect(checkResponse('POST', '/v1/embeddings', other)).rejects.toThrow("'object'")
  })
})

describe('a stream', () => {
  test.each([
    ['of chunks', good + done],
    ['with usage', good + usageChunk + done],
    ['with comments', `: wait\n\n${good}: wait\n\n${done}`],
    ['of two choices', piece({ content: 'a' }) + piece({ content: 'b' }, 'stop', 1) + piece({}, 'stop') + done],
    ['that ends by an error', piece({ content: 'a' }) + event(error)],
  ])('%s passes, however it is cut', (_, text) => {
    for (const pieces of [1, 7, text.length]) stream(text, { pieces })
  })

  test.each([
    ['without [DONE]', good],
    ['with two', good + done + done],
    ['that goes on after it', good + done + piece({ content: 'a' })],
    ['that goes on after an error', piece({ content: 'a' }) + event(error) + done],
    ['with an error of another form', good + event({ error: { message: 'm' } })],
    ['with an open choice', piece({ content: 'a' }) + done],
    ['with a choice that goes on after its end', piece({}, 'stop') + piece({ content: 'a' }) + done],
    ['with another id in it', good + event({ ...chunk, id: 'other' }) + done],
    ['with a chunk after usage', good + usageChunk + usageChunk + done],
    ['with a chunk that lacks a member', event({ ...chunk, created: undefined }) + good + done],
    ['with something that is no JSON', `${good}data: hello\n\n${done}`],
    ['with a list', `${good}data: []\n\n${done}`],
    ['with a name', good.replace('data', 'event: chunk\ndata') + done],
    ['with an event over two lines', good + event(chunk).replace(',', ',\ndata: ') + done],
    ['with CRLF', (good + done).replaceAll('\n', '\r\n')],
    ['with another field', `id: 1\n${good}${done}`],
    ['with its last event unclosed', (good + done).slice(0, -1)],
  ])('%s fails', (_, text) => {
    for (const pieces of [1, text.length]) expect(() => stream(text, { pieces })).toThrow(/POST \/v1\/chat\/completions 200 event \d+/)
  })

  test('that is cut fails only by what came', () => {
    stream(`${piece({ content: 'a' })}data: {"id`, { whole: false })
    expect(() => stream(event({ ...chunk, created: undefined }), { whole: false })).toThrow("'created'")
  })

  test('that is no UTF-8 fails', () => {
    const head = { method: 'POST', path: '/v1/chat/completions', status: 200, contentType: 'text/event-stream' }
    expect(() => new AnswerChecker(head).push(Buffer.from([0xc3, 0x28]))).toThrow('UTF-8')
  })
})

describe('a stream of typed events', () => {
  const typed = (type: string, sequence_number: number, members: object, name = type) =>
    `event: ${name}\ndata: ${JSON.stringify({ type, sequence_number, ...members })}\n\n`
  const begin = typed('response.created', 0, { response: { ...wholeResponse, usage: null } })
  const end = typed('response.completed', 1, { response: { ...wholeResponse, usage: responseUsage } })
  const path = '/v1/responses'

  test('passes', () => {
    stream(begin + end, { path })
    stream(begin + event(error), { path })
  })

  test.each([
    ['without its last event', begin],
    ['with [DONE]', begin + end + done],
    ['with two ends', begin + end + end],
    ['with a number twice', begin + end.replace('"sequence_number":1', '"sequence_number":0')],
    ['with a name that is not its type', begin.replace('event: response.created', 'event: response.queued') + end],
    ['with a type that nobody knows', begin + typed('response.shouted', 1, {}) + end],
    ['with an end that is not counted', begin + typed('response.completed', 1, { response: { ...wholeResponse, usage: null } })],
  ])('%s fails', (_, text) => {
    expect(() => stream(text, { path })).toThrow(/POST \/v1\/responses 200 event \d+/)
  })
})
