/** Limits, idempotency keys and CORS as callers meet them, over a real socket. What a name costs is tried in test/e2e. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { ApiError, WorkerReportedError } from '../../src/api/errors.ts'
import { LedgerError } from '../../src/ledger/index.ts'
import { answerHeaders } from '../../src/openai/answers/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { answering, question, type Run, receipt, serveApi } from './support/serve-api.ts'

const limited = { requestsPerMinute: 2, tokensPerMinute: 1_000, concurrent: 2 }
const ratelimit = (response: Response) =>
  ['limit', 'remaining', 'reset'].flatMap(part => ['requests', 'tokens'].map(of => response.headers.get(`x-ratelimit-${part}-${of}`)))

describe('limits of a key', () => {
  test('are on every paid answer, refused ones too, and a refusal says when to come again', async () => {
    const clock = new ManualClock(1_800_000_000_000)
    const { post } = await serveApi(answering(), { clock, keyLimits: limited })
    const first = await post('/v1/chat/completions', question)
    // The head of an answer in one piece goes out when it is paid for: it counts the ten tokens that were used.
    expect(ratelimit(first)).toEqual(['2', '1000', '1', '990', '30s', '600ms'])
    const second = await post('/v1/chat/completions', question)
    expect(ratelimit(second)).toEqual(['2', '1000', '0', '980', '1m0s', '2s'])
    const third = await post('/v1/chat/completions', question)
    expect(third.status).toBe(429)
    expect(await third.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limit_exceeded', param: null } })
    expect(third.headers.get('retry-after-ms')).toBe('30000')
    expect(third.headers.get('retry-after')).toBe('30')
    expect(ratelimit(third)).toEqual(['2', '1000', '0', '980', '1m0s', '2s'])
    await clock.advance(30_000)
    expect((await post('/v1/chat/completions', question)).status).toBe(200)
  })

  test('are told as they stand when the head is sent: of a stream with the worst case taken, which its end corrects', async () => {
    const clock = new ManualClock(1_800_000_000_000)
    const event = {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'a',
      choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello.' }, logprobs: null, finish_reason: 'stop' }],
    }
    const streaming: Run = async (request, answer) => {
      request.admit(100)
      answer.begin({ status: 200, contentType: 'text/event-stream', headers: { 'x-chrysalis-receipt': receipt.rid } })
      answer.write(Buffer.from(`data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`))
      request.charged(receipt)
      answer.finish()
    }
    const run = vi.fn<Run>().mockImplementationOnce(streaming).mockImplementation(answering())
    const { post } = await serveApi(run, { clock, keyLimits: limited })
    const stream = await post('/v1/chat/completions', { ...question, stream: true })
    expect(ratelimit(stream)).toEqual(['2', '1000', '1', '900', '30s', '6s'])
    await stream.text()
    expect(ratelimit(await post('/v1/chat/completions', question))).toEqual(['2', '1000', '0', '980', '1m0s', '2s'])
  })

  test('are not on what is free', async () => {
    const { get } = await serveApi(answering(), { keyLimits: limited })
    for (let count = 0; count < 5; count++) {
      const response = await get('/v1/models')
      expect(response.status).toBe(200)
      expect(response.headers.get('x-ratelimit-limit-requests')).toBeNull()
    }
  })

  test.each<[string, Error | undefined, string, number]>([
    ['a balance that is too small', new LedgerError('insufficient-funds', 'x'), JSON.stringify(question), 402],
    ['an unknown model', new ApiError('model_not_found', 'x'), JSON.stringify(question), 404],
    ['a failed worker', new ApiError('worker_failed', 'x'), JSON.stringify(question), 502],
    ['a bad body', undefined, '{}', 400],
  ])('are given back by %s', async (_, error, body, status) => {
    const clock = new ManualClock(1_800_000_000_000)
    const run: Run = async request => {
      request.admit(900)
      throw error
    }
    const { post } = await serveApi(run, { clock, keyLimits: limited })
    for (let count = 0; count < 4; count++) {
      const response = await post('/v1/chat/completions', body)
      expect(response.status).toBe(status)
      expect(ratelimit(response)).toEqual(['2', '1000', '2', '1000', '0s', '0s'])
    }
  })

  test('of tokens refuse before money is reserved, and what never fits for good', async () => {
    const reserved = vi.fn()
    const run: Run = async request => {
      request.admit(request.body.length > 200 ? 1_001 : 600)
      reserved()
      throw new ApiError('invalid_request', 'x')
    }
    const { post } = await serveApi(run, { keyLimits: limited })
    const response = await post('/v1/chat/completions', { ...question, user: 'x'.repeat(200) })
    expect(response.status).toBe(429)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(reserved).not.toHaveBeenCalled()
  })

  test('of requests at once count until the answer has ended', async () => {
    const gate = Promise.withResolvers<void>()
    const run: Run = async (request, answer) => {
      await gate.promise
      await answering()(request, answer)
    }
    const { post } = await serveApi(run, { keyLimits: { ...limited, requestsPerMinute: 100 } })
    const running = [post('/v1/chat/completions', question), post('/v1/chat/completions', question)]
    let third = await post('/v1/chat/completions', question)
    while (third.status !== 429) third = await post('/v1/chat/completions', question)
    expect(third.headers.get('retry-after-ms')).toBe('1000')
    gate.resolve()
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200])
    expect((await post('/v1/chat/completions', question)).status).toBe(200)
  })
})

describe('an Idempotency-Key', () => {
  const key = { 'idempotency-key': 'order-1' }

  test('runs once, and is answered again with the same head and body', async () => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    const [first, second] = [await post('/v1/chat/completions', question, key), await post('/v1/chat/completions', question, key)]
    expect(run).toHaveBeenCalledTimes(1)
    expect(await second.text()).toBe(await first.text())
    for (const name of ['content-type', 'content-length', 'x-chrysalis-receipt'])
      expect(second.headers.get(name)).toBe(first.headers.get(name))
    expect([first, second].map(({ headers }) => headers.get('x-chrysalis-idempotent-replay'))).toEqual([null, 'true'])
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
  })

  test('never makes one caller’s id or limits another’s, whatever the head of an answer says', async () => {
    const run: Run = async (request, answer) => {
      const foreign = { 'x-request-id': 'req_000000000000000000000000', 'x-ratelimit-limit-requests': '1' }
      answer.begin({ status: 400, contentType: 'application/json', headers: foreign })
      answer.write(Buffer.from(JSON.stringify({ error: { message: 'x', type: 'invalid_request_error', param: null, code: null } })))
      request.charged(receipt)
      answer.finish()
    }
    const { headers } = await (await serveApi(run, { keyLimits: limited })).post('/v1/chat/completions', question, key)
    expect(headers.get('x-request-id')).not.toBe('req_000000000000000000000000')
    expect(headers.get('x-ratelimit-limit-requests')).toBe('2')
  })

  test('takes a request for an answer that is there, and no tokens', async () => {
    const clock = new ManualClock(1_800_000_000_000)
    const { post } = await serveApi(answering(), { clock, keyLimits: { ...limited, requestsPerMinute: 10 } })
    await post('/v1/chat/completions', question, key)
    await post('/v1/chat/completions', question, key)
    const third = await post('/v1/chat/completions', question, key)
    expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('7')
    expect(third.headers.get('x-ratelimit-remaining-tokens')).toBe('990')
  })

  test('is of its API key, path and body', async () => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    await post('/v1/chat/completions', question, key)
    const other = await post('/v1/chat/completions', { ...question, n: 2 }, key)
    expect(other.status).toBe(422)
    expect(await other.json()).toMatchObject({ error: { code: 'idempotency_key_reused' } })
    expect((await post('/v1/completions', { model: 'a', prompt: 'x' }, key)).status).toBe(422)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test.each([' ', 'two words', 'é'])('that is “%s” is a 400 before anything runs', async name => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    // fetch trims what it sends: what is left of a blank is empty.
    expect((await post('/v1/chat/completions', question, { 'idempotency-key': name })).status).toBe(400)
    expect(run).not.toHaveBeenCalled()
  })

  test('of a request that never began to cost may be used again', async () => {
    const run = vi.fn<Run>().mockRejectedValueOnce(new ApiError('no_attested_worker', 'x')).mockImplementation(answering())
    const { post } = await serveApi(run)
    expect((await post('/v1/chat/completions', question, key)).status).toBe(503)
    expect((await post('/v1/chat/completions', '{}', key)).status).toBe(400)
    const third = await post('/v1/chat/completions', question, key)
    expect(third.status).toBe(200)
    expect(third.headers.get('x-chrysalis-idempotent-replay')).toBeNull()
    await setImmediate()
  })

  test.each([
    ['costs nothing may be used again, and nothing of its limits is taken', '0', 200],
    ['costs something is kept with its error, which no client retries', '1', 500],
  ])('of a failure that %s', async (_, cost, status) => {
    const clock = new ManualClock(1_800_000_000_000)
    const failing: Run = async request => {
      request.admit(100)
      request.charged({ ...receipt, cost, finish: 'error' })
      throw new WorkerReportedError(500, { message: 'broke', type: 'server_error', param: null, code: null })
    }
    const run = vi.fn<Run>().mockImplementationOnce(failing).mockImplementation(answering())
    const { post } = await serveApi(run, { clock, keyLimits: limited })
    const first = await post('/v1/chat/completions', question, key)
    expect(first.status).toBe(500)
    expect(first.headers.get('x-ratelimit-remaining-tokens')).toBe(cost === '0' ? '1000' : '990')
    expect(first.headers.get('x-should-retry')).toBe(cost === '0' ? null : 'false')
    expect((await post('/v1/chat/completions', question, key)).status).toBe(status)
    expect(run).toHaveBeenCalledTimes(cost === '0' ? 2 : 1)
  })

  test('hands the ledger a digest, never itself', async () => {
    const run = vi.fn(answering())
    const { post } = await serveApi(run)
    await post('/v1/chat/completions', question, key)
    expect(run.mock.calls[0]![0].once).toMatch(/^[0-9a-f]{64}$/)
    await post('/v1/chat/completions', question)
    expect(run.mock.calls[1]![0].once).toBeUndefined()
  })
})

describe('CORS', () => {
  const page = 'https://app.example'
  const preflight = (origin: string) => ({
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,idempotency-key,x-stainless-lang',
    },
  })

  test('lets a named page ask and read, without cookies', async () => {
    const { origin, post } = await serveApi(answering(), { corsOrigins: [page] })
    const asked = await fetch(`${origin}/v1/chat/completions`, preflight(page))
    expect(asked.status).toBe(204)
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'GET,HEAD,POST',
      'access-control-allow-headers': 'authorization,content-type,idempotency-key,x-stainless-lang',
      'access-control-max-age': '600',
      'x-request-id': expect.stringMatching(/^req_/),
    })
    const answered = await post('/v1/chat/completions', question, { origin: page })
    expect(answered.status).toBe(200)
    expect(answered.headers.get('access-control-allow-origin')).toBe(page)
    const others = ['openai-processing-ms', 'server-timing', 'x-chrysalis-idempotent-replay']
    expect(answered.headers.get('access-control-expose-headers')!.split(',')).toEqual(
      expect.arrayContaining([...Object.keys(answerHeaders), ...others]),
    )
    expect(answered.headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('lets it read errors too', async () => {
    const { origin } = await serveApi(answering(), { corsOrigins: [page] })
    for (const path of ['/v1/chat/completions', '/v1/nothing', '/models']) {
      const response = await fetch(origin + path, { method: 'POST', headers: { origin: page } })
      expect(response.status).toBeGreaterThanOrEqual(400)
      expect(response.headers.get('access-control-allow-origin')).toBe(page)
    }
  })

  test('names no other page', async () => {
    const { origin, post } = await serveApi(answering(), { corsOrigins: [page] })
    for (const other of ['https://evil.example', 'null', `${page}.evil.example`, 'http://app.example']) {
      expect((await fetch(`${origin}/v1/models`, preflight(other))).headers.get('access-control-allow-origin')).toBeNull()
      expect((await post('/v1/chat/completions', question, { origin: other })).headers.get('access-control-allow-origin')).toBeNull()
    }
  })

  test('with "*" lets any page ask, still without cookies', async () => {
    const { origin } = await serveApi(answering(), { corsOrigins: ['*'] })
    const { headers } = await fetch(`${origin}/v1/models`, preflight('https://any.example'))
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('is off where no page is named, and never on health, metrics or console', async () => {
    const off = await serveApi(answering())
    expect((await fetch(`${off.origin}/v1/models`, preflight(page))).headers.get('access-control-allow-origin')).toBeNull()
    const on = await serveApi(answering(), { corsOrigins: [page] })
    for (const path of ['/healthz', '/metrics', '/console'])
      expect((await fetch(on.origin + path, { headers: { origin: page } })).headers.get('access-control-allow-origin')).toBeNull()
  })
})
