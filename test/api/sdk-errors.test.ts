/** Each error as the stock client sees it: the class it throws, what it reads of it, and whether it asked again. */

import OpenAI from 'openai'
import OpenAI6 from 'openai-6'
import { describe, expect, test, vi } from 'vitest'
import { ApiError, WorkerReportedError } from '../../src/api/errors.ts'
import { LedgerError } from '../../src/ledger/index.ts'
import { apiKey, question, type Run, serveApi } from './support/serve-api.ts'

const failing =
  (error: Error): Run =>
  () =>
    Promise.reject(error)
const reported = (status: number, code: string | null) =>
  new WorkerReportedError(status, { message: 'as the engine says', type: 'server_error', param: null, code })
/** Waits of a second would be the test's: the client reads this first. */
const soon = { headers: { 'retry-after-ms': '1' } }

const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'hello' }]

interface Row {
  readonly what: string
  readonly error: Error
  readonly throws: keyof typeof OpenAI
  readonly status: number
  readonly type: string
  readonly code: string | null
  readonly param?: string
  /** How often it is asked in all, with one retry allowed. */
  readonly asked: 1 | 2
}

const rows: Row[] = [
  {
    what: 'a bad member',
    error: new ApiError('invalid_request', 'x', { param: 'n' }),
    throws: 'BadRequestError',
    status: 400,
    type: 'invalid_request_error',
    code: null,
    param: 'n',
    asked: 1,
  },
  {
    what: 'an empty balance',
    error: new LedgerError('insufficient-funds', 'x'),
    throws: 'APIError',
    status: 402,
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    asked: 1,
  },
  {
    what: 'a closed channel',
    error: new LedgerError('channel-not-open', 'x'),
    throws: 'APIError',
    status: 402,
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    asked: 1,
  },
  {
    what: 'an unknown model',
    error: new ApiError('model_not_found', 'x', { param: 'model' }),
    throws: 'NotFoundError',
    status: 404,
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: 'model',
    asked: 1,
  },
  {
    what: 'a large body',
    error: new ApiError('request_too_large', 'x'),
    throws: 'APIError',
    status: 413,
    type: 'invalid_request_error',
    code: 'request_too_large',
    asked: 1,
  },
  {
    what: 'a wrong media type',
    error: new ApiError('unsupported_media_type', 'x'),
    throws: 'APIError',
    status: 415,
    type: 'invalid_request_error',
    code: 'unsupported_media_type',
    asked: 1,
  },
  {
    what: 'a used idempotency key',
    error: new LedgerError('already-used', 'x'),
    throws: 'ConflictError',
    status: 409,
    type: 'invalid_request_error',
    code: 'idempotency_key_expired',
    asked: 1,
  },
  {
    what: 'an idempotency key of another request',
    error: new ApiError('idempotency_key_reused', 'x'),
    throws: 'UnprocessableEntityError',
    status: 422,
    type: 'invalid_request_error',
    code: 'idempotency_key_reused',
    asked: 1,
  },
  {
    what: 'a rate limit',
    error: new ApiError('rate_limit_exceeded', 'x', soon),
    throws: 'RateLimitError',
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    asked: 2,
  },
  {
    what: 'no worker',
    error: new ApiError('no_attested_worker', 'x', soon),
    throws: 'InternalServerError',
    status: 503,
    type: 'server_error',
    code: 'no_attested_worker',
    asked: 2,
  },
  {
    what: 'a failed worker',
    error: new ApiError('worker_failed', 'x', soon),
    throws: 'InternalServerError',
    status: 502,
    type: 'server_error',
    code: 'worker_failed',
    asked: 2,
  },
  {
    what: 'a ledger that cannot write',
    error: Object.assign(new ApiError('ledger_unavailable', 'x', soon)),
    throws: 'InternalServerError',
    status: 503,
    type: 'server_error',
    code: 'ledger_unavailable',
    asked: 2,
  },
  {
    what: 'a proxy that stops',
    error: new ApiError('shutting_down', 'x', soon),
    throws: 'InternalServerError',
    status: 503,
    type: 'server_error',
    code: 'shutting_down',
    asked: 2,
  },
  {
    what: 'a fault of ours',
    error: new Error('secret'),
    throws: 'InternalServerError',
    status: 500,
    type: 'server_error',
    code: 'internal_error',
    asked: 2,
  },
  {
    what: 'a 400 of the engine',
    error: reported(400, 'context_length_exceeded'),
    throws: 'BadRequestError',
    status: 400,
    type: 'server_error',
    code: 'context_length_exceeded',
    asked: 1,
  },
  {
    what: 'a 500 of the engine',
    error: reported(500, null),
    throws: 'InternalServerError',
    status: 500,
    type: 'server_error',
    code: null,
    asked: 2,
  },
]

describe.each([
  ['openai 7', OpenAI],
  ['openai 6', OpenAI6 as unknown as typeof OpenAI],
])('%s', (_, Client) => {
  test.each(rows)(
    '$what is a $throws with status $status, asked $asked times',
    async ({ error, throws, status, type, code, param, asked }) => {
      const run = vi.fn(failing(error))
      const { origin } = await serveApi(run)
      const client = new Client({ baseURL: `${origin}/v1`, apiKey, maxRetries: 1 })
      const thrown: unknown = await client.chat.completions.create({ model: 'a', messages }).catch((cause: unknown) => cause)
      expect(thrown).toBeInstanceOf(Client[throws])
      expect(thrown).toMatchObject({ status, type, code, param: param ?? null, requestID: expect.stringMatching(/^req_[0-9a-f]{24}$/) })
      expect(String(thrown)).not.toContain('secret')
      expect(run).toHaveBeenCalledTimes(asked)
    },
  )

  test('a wrong key is an AuthenticationError, asked once', async () => {
    const run = vi.fn(failing(new Error('x')))
    const { origin } = await serveApi(run)
    const client = new Client({ baseURL: `${origin}/v1`, apiKey: 'sk-wrong', maxRetries: 1 })
    await expect(client.models.list()).rejects.toBeInstanceOf(Client.AuthenticationError)
    await expect(client.models.list()).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      type: 'invalid_request_error',
      param: null,
    })
  })

  test('an unknown URL and another method are told apart', async () => {
    const { origin } = await serveApi(failing(new Error('x')))
    const client = new Client({ baseURL: `${origin}/v1`, apiKey, maxRetries: 1 })
    await expect(client.batches.list()).rejects.toMatchObject({ status: 404, code: 'unknown_url' })
    await expect(client.models.delete('a')).rejects.toMatchObject({ status: 405, code: 'method_not_allowed' })
  })
})

describe('how long to wait', () => {
  test.each([
    [new ApiError('rate_limit_exceeded', 'x', { headers: { 'retry-after-ms': '1500' } }), '1500', '2'],
    [new LedgerError('unavailable', 'x'), '1000', '1'],
    [reported(429, 'rate_limit_exceeded'), '1000', '1'],
    [reported(503, null), '1000', '1'],
  ])('is on every 429 and 503, in both spellings: %s', async (error, ms, seconds) => {
    const { post } = await serveApi(failing(error))
    const { headers } = await post('/v1/chat/completions', question)
    expect([headers.get('retry-after-ms'), headers.get('retry-after')]).toEqual([ms, seconds])
  })

  test('is not on a 400', async () => {
    const { post } = await serveApi(failing(new ApiError('invalid_request', 'x')))
    expect((await post('/v1/chat/completions', question)).headers.get('retry-after-ms')).toBeNull()
  })
})
