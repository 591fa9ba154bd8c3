/** The edges of HTTP: methods, paths, media types, headers and bytes that no good client sends, over a real socket. */
import { EventEmitter, once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'
import { answerClientErrors } from '../../src/api/index.ts'
import { answering, apiKey, question, serveApi } from './support/serve-api.ts'

const id = /^req_[0-9a-f]{24}$/

async function expectError(response: Response, status: number, code: string | null) {
  const body = (await response.json()) as { error: Record<string, unknown> }
  expect(body.error).toMatchObject({ code })
  expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type'])
  expect(response.status).toBe(status)
  expect(response.headers.get('x-request-id')).toMatch(id)
  expect(response.headers.get('openai-processing-ms')).toMatch(/^[0-9]+$/)
  return body.error
}

describe('methods', () => {
  test('HEAD is answered where GET is, with the same head and no body', async () => {
    const { get } = await serveApi(answering())
    for (const path of ['/v1/models', '/v1/models/a', '/healthz', '/readyz']) {
      const [whole, head] = [await get(path), await get(path, { method: 'HEAD' })]
      expect(head.status).toBe(200)
      expect(head.headers.get('content-type')).toBe(whole.headers.get('content-type'))
      expect(await head.text()).toBe('')
    }
  })

  test.each([
    ['GET', '/v1/chat/completions', 'POST, OPTIONS'],
    ['DELETE', '/v1/embeddings', 'POST, OPTIONS'],
    ['POST', '/v1/models', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/v1/models/a', 'GET, HEAD, OPTIONS'],
    ['PUT', '/v1/account', 'GET, HEAD, OPTIONS'],
    ['TRACE', '/healthz', 'GET, HEAD, OPTIONS'],
  ])('%s %s is a 405 that says what is allowed', async (method, path, allow) => {
    const { raw } = await serveApi(answering())
    const answer = await raw(`${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 405 /)
    expect(answer).toContain(`allow: ${allow}\r\n`)
    expect(answer).toContain('"code":"method_not_allowed"')
  })

  test('OPTIONS says the same, and asks for no key', async () => {
    const { origin } = await serveApi(answering())
    const response = await fetch(`${origin}/v1/chat/completions`, { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    expect(response.headers.get('allow')).toBe('POST, OPTIONS')
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('paths', () => {
  test.each(['/v1/chat/completions', '/v1/chat/completions/', '/chat/completions', '/chat/completions/'])('%s is served', async path => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    expect((await post(path, question)).status).toBe(200)
    expect(run.mock.calls[0]![0].endpoint.path).toBe('/v1/chat/completions')
  })

  test.each([
    ['/v1/models/org%2Fa%20model', 'org/a model'],
    ['/v1/models/org/a%20model', 'org/a model'],
    ['/models/org%2Fa%20model', 'org/a model'],
    ['/v1/models/__proto__', '__proto__'],
    ['/v1/models/toString', 'toString'],
    ['/models', undefined],
    ['/v1/models/', undefined],
  ])('%s is read as what it means', async (path, model) => {
    const { get } = await serveApi(answering())
    const response = await get(path)
    expect(response.status).toBe(200)
    if (model) expect(await response.json()).toMatchObject({ id: model })
    else expect(await response.json()).toMatchObject({ object: 'list' })
  })

  test.each(['/v1/models/constructor', '/v1/models/%zz', '/v1/models/a%00', '/v1/models/..%2f..%2fetc'])(
    '%s is a model that is not there',
    async path => {
      const { get } = await serveApi(answering())
      const response = await get(path)
      expect(response.headers.get('set-cookie')).toBeNull()
      await expectError(response, 404, 'model_not_found')
    },
  )

  test.each(['/', '/v1', '/v2/chat/completions', '/v1/chat', '/v1//chat/completions', '/account'])('%s is an unknown URL', async path => {
    const { get } = await serveApi(answering())
    await expectError(await get(path), 404, 'unknown_url')
  })

  test('a long one is quoted in part', async () => {
    const { get } = await serveApi(answering())
    const { error } = (await (await get(`/v1/${'x'.repeat(1_000)}`)).json()) as { error: { message: string } }
    expect(error.message.length).toBeLessThan(200)
  })

  test('with "/v1" twice it says what is meant', async () => {
    const { get } = await serveApi(answering())
    const error = await expectError(await get('/v1/v1/models'), 404, 'unknown_url')
    expect(error.message).toContain('try /v1/models')
  })
})

describe('media types', () => {
  test.each([
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json; charset=utf8',
    'application/json ; x=y',
  ])('%s is taken', async type => {
    const { post } = await serveApi(answering())
    expect((await post('/v1/chat/completions', question, { 'content-type': type })).status).toBe(200)
  })

  test.each([
    'text/plain',
    'application/jsonp',
    'application/json, text/plain',
    'multipart/form-data; boundary=x',
    '',
    'application/x-www-form-urlencoded',
  ])('“%s” is a 415', async type => {
    const { post } = await serveApi(answering())
    await expectError(await post('/v1/chat/completions', question, { 'content-type': type }), 415, 'unsupported_media_type')
  })

  test('another charset than UTF-8 is a 415, for the bytes would be read wrongly', async () => {
    const { post } = await serveApi(answering())
    for (const parameters of ['charset=iso-8859-1', 'x=y; Charset = "UTF-16"']) {
      const response = await post('/v1/chat/completions', question, { 'content-type': `application/json; ${parameters}` })
      await expectError(response, 415, 'unsupported_media_type')
    }
  })

  test.each([
    ['content-type', 'content-type: application/json\r\ncontent-type: text/plain\r\n'],
    ['authorization', 'content-type: application/json\r\nauthorization: Bearer sk-other\r\n'],
    ['idempotency-key', 'content-type: application/json\r\nidempotency-key: a\r\nidempotency-key: b\r\n'],
    ['content-encoding', 'content-type: application/json\r\ncontent-encoding: identity\r\ncontent-encoding: identity\r\n'],
    ['content-type, in other letters,', 'content-type: application/json\r\nContent-Type: text/plain\r\n'],
  ])('two headers %s are a 400: two readers would see two things', async (_, headers) => {
    const run = vi.fn(answering())
    const { raw } = await serveApi(run)
    const body = JSON.stringify(question)
    const answer = await raw(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiKey}\r\n${headers}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(run).not.toHaveBeenCalled()
  })
})

describe('members that would reach a prototype', () => {
  test.each([
    '{"__proto__":{"model":"a","stream":true},"messages":[{"role":"user"}]}',
    '{"constructor":{"prototype":{"model":"a"}},"messages":[{"role":"user"}]}',
  ])('are no members of the request: %s', async body => {
    const { post } = await serveApi(answering())
    await expectError(await post('/v1/chat/completions', body), 400, null)
    expect(({} as Record<string, unknown>).model).toBeUndefined()
  })

  test.each(['__proto__', 'toString', 'constructor', 'hasOwnProperty'])('%s is a model like any other', async model => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    expect((await post('/v1/chat/completions', { ...question, model })).status).toBe(200)
    expect(run.mock.calls[0]![0].facts.model).toBe(model)
  })

  test('beside good members change nothing of what is read', async () => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    const body = `{"model":"a","messages":[{"role":"user","content":"x"}],"__proto__":{"stream":true,"n":100,"max_tokens":1}}`
    expect((await post('/v1/chat/completions', body)).status).toBe(200)
    expect(run.mock.calls[0]![0].facts).toMatchObject({ model: 'a', stream: false, generates: { choices: 1 } })
    expect(run.mock.calls[0]![0].body.toString()).toBe(body)
  })

  test('in a query are nothing', async () => {
    const { get } = await serveApi(answering())
    await expectError(await get('/v1/attestation?__proto__=x&constructor[prototype][worker]=w&toString=1'), 404, 'not_found')
  })
})

describe('header injection', () => {
  test('a path with line ends in it reaches no header, and is quoted in the body', async () => {
    const { get } = await serveApi(answering())
    const response = await get('/v1/models/a%0d%0aset-cookie:%20x=y')
    expect(response.headers.get('set-cookie')).toBeNull()
    await expectError(response, 404, 'unknown_url')
  })

  test('a model with line ends in its name reaches no header', async () => {
    const { post } = await serveApi(answering())
    const response = await post('/v1/chat/completions', { ...question, model: 'a\r\nset-cookie: x=y' })
    expect(response.status).toBe(200)
    expect(response.headers.get('set-cookie')).toBeNull()
  })

  test('a caller’s own request id is not taken for ours', async () => {
    const { get } = await serveApi(answering())
    const response = await get('/v1/models', { headers: { 'x-request-id': 'mine', 'x-client-request-id': 'mine' } })
    expect(response.headers.get('x-request-id')).toMatch(id)
    expect([...response.headers.values()]).not.toContain('mine')
  })
})

describe('a caller’s name for its request', () => {
  test.each([
    ['trace-1:a_b.C', 'trace-1:a_b.C'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), undefined],
    ['two words', undefined],
    ['{"a":1}', undefined],
    ['sk-secret', undefined],
  ])('“%s” is logged as %s', async (name, logged) => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    await post('/v1/chat/completions', question, { 'x-client-request-id': name })
    expect(run.mock.calls[0]![0].clientRequestId).toBe(logged)
  })
})

describe('what Node refuses', () => {
  const head = (lines: string) => `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${lines}\r\n`
  const smuggled = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'

  test.each([
    ['two lengths', `${head('content-length: 5\r\ncontent-length: 6\r\n')}hello${smuggled}`],
    ['a length and chunks', `${head('content-length: 5\r\ntransfer-encoding: chunked\r\n')}0\r\n\r\n${smuggled}`],
    ['chunks that are not last', `${head('transfer-encoding: chunked, identity\r\n')}0\r\n\r\n${smuggled}`],
    ['a length of letters', head('content-length: five\r\n') + smuggled],
    ['a folded header', head('x-a: 1\r\n folded: 2\r\n') + smuggled],
    ['a space before the colon', head('content-length : 5\r\n') + smuggled],
    ['a bare line feed', `POST / HTTP/1.1\nhost: x\n\n${smuggled}`],
    ['a header with a NUL', head('x-a: a\0b\r\n') + smuggled],
    ['a method that is none', 'BREW / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ])('%s is one 400 in OpenAI’s form, and nothing behind it is read', async (_, bytes) => {
    const { raw } = await serveApi(answering())
    const answer = await raw(bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).toMatch(/x-request-id: req_[0-9a-f]{24}\r\n/)
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param: null, code: null },
    })
  })

  test('headers beyond 16 KiB are a 431', async () => {
    const { raw } = await serveApi(answering())
    const answer = await raw(head(`x-a: ${'x'.repeat(20_000)}\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(answer).toContain('"code":"headers_too_large"')
  })

  test.each([
    ['no host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n'],
    ['a host that is none', 'GET /healthz HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n'],
    ['a backslash in the path', 'GET /v1\\models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
  ])('%s is a 400 in OpenAI’s form', async (_, bytes) => {
    const { raw } = await serveApi(answering())
    const answer = await raw(bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('"type":"invalid_request_error"')
    expect(answer).toMatch(/x-request-id: req_/)
  })

  test('a client of HTTP/1.0 needs no host', async () => {
    const { raw } = await serveApi(answering())
    expect(await raw('GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('an absolute URL is read as its path, whatever host it names', async () => {
    const { raw } = await serveApi(answering())
    expect(await raw('GET http://elsewhere.example/healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a good request before a bad one is never given the bad one’s refusal', async () => {
    const { raw } = await serveApi(answering())
    const answer = await raw(`GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nBREW / HTTP/1.1\r\n\r\n`)
    expect(answer).not.toMatch(/^HTTP\/1\.1 400/)
  })

  test.each([
    ['a request whose headers do not arrive in time', 'ERR_HTTP_REQUEST_TIMEOUT', 408, 'request_timeout'],
    ['a body with endless chunk extensions', 'HPE_CHUNK_EXTENSIONS_OVERFLOW', 413, 'request_too_large'],
  ])('%s (%s) is a %d', async (_, problem, status, code) => {
    const server = new EventEmitter()
    answerClientErrors(server)
    const socket = new PassThrough()
    server.emit('clientError', Object.assign(new Error('x'), { code: problem }), socket)
    const answer = await text(socket)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
    expect(answer).toContain(`"code":"${code}"`)
  })

  test('a bad request behind one that was answered is told so', async () => {
    const { origin } = await serveApi(answering())
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(socket, 'data')
    socket.write('BREW / HTTP/1.1\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('a fault in what is still sent adds nothing to an answer that is on its way', () => {
    const server = new EventEmitter()
    answerClientErrors(server)
    const socket = new Socket()
    const incoming = new IncomingMessage(socket)
    const outgoing = new ServerResponse(incoming)
    server.emit('request', incoming, outgoing)
    outgoing.writeHead(200)
    server.emit('clientError', new Error('no chunk'), socket)
    expect(socket.destroyed).toBe(true)
  })

  test('a body whose chunks are no chunks is a 400', async () => {
    const run = vi.fn(answering())
    const { raw } = await serveApi(run)
    const lines = `authorization: Bearer ${apiKey}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n`
    const answer = await raw(`${head(lines)}5\r\n{"mod\r\nzz\r\n${smuggled}`)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(run).not.toHaveBeenCalled()
  })
})
