/** Routes that need no socket, asked by `app.request()`. Those that write to Node's response are tried in test/e2e. */
import { describe, expect, test } from 'vitest'
import { ApiError, createApi, hashApiKey, Metrics, toApiError } from '../../src/api/index.ts'
import { LedgerError } from '../../src/ledger/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { SettlementError } from '../../src/settlement/index.ts'
import { checkResponse } from '../support/answers/check-answer.ts'
import { ManualClock } from '../support/manual-clock.ts'

type Options = Parameters<typeof createApi>[0]
const rid = 'AAAAAAAAAAAAAAAAAAAAAA'
const auth = { authorization: 'Bearer sk-good' }

const evidenceOver = (nonce: string) =>
  JSON.stringify({ version: 1, nonce, keyset: 'AAAA', gpu_evidence: null, tee: { type: 'tdx', quote: 'AAAA' } })
const terms = { payer: 'EQ', payee: 'EQ', challenge_period: 60, open_until: 1, salt: '18446744073709551615' }
const keys = { payer_key: 'ab'.repeat(32), payee_key: 'cd'.repeat(32) }
const newKey = { api_key: 'sk-new', key_id: 'key_0123456789abcdef', channel: 'EQ' }
const commandAnswers: Record<string, object> = {
  keys: { authorised: '5', keys: [] },
  'new-key': newKey,
  'revoke-key': { key_id: 'key_0123456789abcdef', revoked_at: 5 },
  close: { running: 2 },
}
const entry = {
  ...{
    seq: 5,
    rid,
    receiptHash: Buffer.alloc(32, 2),
    cost: nanoton(7n),
    spent: nanoton(7n),
    prev: Buffer.alloc(32),
    hash: Buffer.alloc(32, 1),
  },
  ...{ at: 9_000, receipt: Buffer.from('signed'), model: 'm', worker: 'w', evidence: 'ef'.repeat(32) },
}
const proposal = { terms, ...keys, address: 'EQ', chain: -239, minimum_deposit: '5' }

function app(changes: Partial<Record<keyof Options, unknown>> = {}) {
  const ledger = {
    findKey: (hash: string) => (hash === hashApiKey('sk-good') ? { hash, channel: 'EQA', createdAt: 1 } : undefined),
    account: () => ({
      channel: 'EQA',
      status: 1,
      deposited: nanoton(100n),
      authorised: nanoton(90n),
      settled: nanoton(10n),
      spent: nanoton(20n),
      reserved: nanoton(5n),
      available: nanoton(65n),
      stopped: false,
    }),
    keysOf: () => [{ hash: hashApiKey('sk-good'), id: 'key_0123456789abcdef', spent: nanoton(3n) }],
    statement: async (channel: string, after: number, limit: number) => ({
      entries: channel === 'EQA' && after === 4 && limit === 100 ? [entry] : [],
      root: Buffer.alloc(32, 1),
      spent: nanoton(7n),
    }),
    evidence: async (digest: string, channel: string) =>
      digest === 'ef'.repeat(32) && channel === 'EQA'
        ? { digest, keyset: Buffer.from('k'), quote: Buffer.from('q'), at: 5_000 }
        : undefined,
    receipt: async (asked: string) =>
      asked === rid
        ? { receipt: Buffer.from('signed'), cost: nanoton(7n), channel: 'EQA' }
        : asked === rid.replace('A', 'B')
          ? { receipt: Buffer.from('x'), cost: nanoton(1n), channel: 'EQB' }
          : undefined,
  }
  const served = {
    id: 'org/a model',
    contextLength: 8,
    weights: null,
    endpoints: ['/v1/chat/completions'],
    price: { prompt: '1', cached: '1', completion: '2', reasoning: '2' },
  }
  const options = {
    ledger,
    inference: {},
    models: () => [served],
    evidence: {
      fromWorker: (id: string, nonce: Buffer) => (id === 'w' ? Promise.resolve(evidenceOver(nonce.toString('hex'))) : undefined),
      nthFor: (model: string, n: number) => (model === 'm' && n === 0 ? 'w' : undefined),
    },
    channels: {
      propose: () => proposal,
      createKey: async () => newKey,
      deploy: async () => ({ channel: 'EQ', status: 'waiting', balance: '5', minimum_deposit: '5' }),
      command: async ({ action }: { action: string }) => commandAnswers[action],
    },
    health: { obstacles: () => [] },
    metrics: new Metrics({ leases: () => ({ live: 1, known: 2 }), workers: () => [], running: () => 0, chain: () => [] }),
    logger: silentLogger,
    clock: systemClock,
    bodyLimits: { bytes: 1024, togetherBytes: 4096, totalMs: 10_000, silentMs: 5_000 },
    keyLimits: { requestsPerMinute: 100, tokensPerMinute: 1_000, concurrent: 10 },
    idempotency: { memoryBytes: 1_000_000, keepMs: 600_000, lingerMs: 1_000 },
    corsOrigins: [],
    simulated: true,
    ...changes,
  }
  const api = createApi(options as unknown as Options)
  return {
    request: async (path: string, init: RequestInit = {}) => checkResponse(init.method ?? 'GET', path, await api.request(path, init)),
  }
}

const get = (path: string, headers: Record<string, string> = auth, changes = {}) => app(changes).request(path, { headers })

async function expectError(response: Response, status: number, code: string | null, param: string | null = null) {
  expect(response.status).toBe(status)
  const { error } = (await response.json()) as { error: Record<string, unknown> }
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
  expect(error).toMatchObject({ code, param })
  expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{24}$/)
}

describe('keys', () => {
  test('a good one passes, the scheme in any case', async () => {
    expect((await get('/v1/models', { authorization: 'bearer sk-good' })).status).toBe(200)
  })

  test.each([
    ['none', {}],
    ['another', { authorization: 'Bearer sk-bad' }],
    ['another scheme', { authorization: 'Basic sk-good' }],
    ['one with a space', { authorization: 'Bearer sk-good sk-good' }],
    ['an endless one', { authorization: `Bearer ${'x'.repeat(300)}` }],
  ])('%s is a 401', async (_, headers) => {
    await expectError(await get('/v1/models', headers as Record<string, string>), 401, 'invalid_api_key')
  })

  test('every paid or private route asks for one', async () => {
    for (const path of ['/v1/models', '/v1/models/x', '/v1/account', `/v1/receipts/${rid}`, '/v1/attestation?worker=w'])
      await expectError(await get(path, {}), 401, 'invalid_api_key')
    const chat = await app().request('/v1/chat/completions', { method: 'POST', body: '{}' })
    await expectError(chat, 401, 'invalid_api_key')
  })
})

describe('models', () => {
  test('are listed in OpenAI’s form with context, weights and price beside it', async () => {
    expect(await (await get('/v1/models')).json()).toEqual({
      object: 'list',
      data: [
        {
          id: 'org/a model',
          object: 'model',
          created: 0,
          owned_by: 'chrysalis',
          context_length: 8,
          weights_digest: null,
          endpoints: ['/v1/chat/completions'],
          price: { prompt: '1', cached: '1', completion: '2', reasoning: '2' },
        },
      ],
    })
  })

  test('one is found by its id, slashes raw or escaped', async () => {
    for (const path of ['/v1/models/org/a%20model', '/v1/models/org%2Fa%20model'])
      expect(await (await get(path)).json()).toMatchObject({ id: 'org/a model' })
    await expectError(await get('/v1/models/other'), 404, 'model_not_found', 'model')
  })
})

describe('the account', () => {
  test('keeps its amounts apart, as strings', async () => {
    expect(await (await get('/v1/account')).json()).toEqual({
      channel: 'EQA',
      deposited: '100',
      authorised: '90',
      settled: '10',
      spent: '20',
      reserved: '5',
      available: '65',
      status: 'open',
      key: { key_id: 'key_0123456789abcdef', spent: '3', limits: {} },
    })
  })

  test('has a statement, page by page, and the evidence behind it', async () => {
    expect(await (await get('/v1/account/statement?after=4')).json()).toEqual({
      channel: 'EQA',
      root: '01'.repeat(32),
      spent: '7',
      entries: [
        {
          ...{ seq: 5, rid, receipt_hash: '02'.repeat(32), cost: '7', spent: '7', prev: '00'.repeat(32), hash: '01'.repeat(32), at: 9 },
          ...{ receipt: 'c2lnbmVk', model: 'm', worker: 'w', evidence: 'ef'.repeat(32) },
        },
      ],
    })
    expect(await (await get(`/v1/account/evidence/${'ef'.repeat(32)}`)).json()).toMatchObject({ keyset: 'aw==', quote: 'cQ==', at: 5 })
    for (const other of ['ee'.repeat(32), 'short', '..%2f']) await expectError(await get(`/v1/account/evidence/${other}`), 404, 'not_found')
    for (const [query, param] of [
      ['after=-1', 'after'],
      ['limit=0', 'limit'],
      ['limit=1001', 'limit'],
    ] as const)
      await expectError(await get(`/v1/account/statement?${query}`), 400, null, param)
  })

  test('has its own receipts and nobody else’s', async () => {
    expect(await (await get(`/v1/receipts/${rid}`)).json()).toEqual({ receipt: Buffer.from('signed').toString('base64'), cost: '7' })
    for (const other of [rid.replace('A', 'B'), 'short', `${rid}x`, '..%2f..'])
      await expectError(await get(`/v1/receipts/${other}`), 404, 'not_found')
  })
})

describe('evidence', () => {
  const nonce = 'ab'.repeat(32)
  test('of a worker is handed on word for word, by id or by model', async () => {
    for (const query of ['worker=w', 'model=m', 'model=m&skip=0'])
      expect(await (await get(`/v1/attestation?nonce=${nonce}&${query}`)).text()).toBe(evidenceOver(nonce))
  })

  test.each([
    [`nonce=${nonce}`, 404, 'not_found', null],
    [`nonce=${nonce}&worker=x`, 404, 'not_found', 'worker'],
    [`nonce=${nonce}&model=m&skip=1`, 404, 'not_found', 'model'],
    ['worker=w', 400, null, 'nonce'],
    [`worker=w&nonce=${nonce.toUpperCase()}`, 400, null, 'nonce'],
    [`model=m&skip=-1&nonce=${nonce}`, 400, null, 'skip'],
  ])('%s is refused', async (query, status, code, param) => {
    await expectError(await get(`/v1/attestation?${query}`), status, code, param)
  })

  test('of the proxy itself is for everybody, where it runs in a TD', async () => {
    const own = async (asked: Buffer) =>
      JSON.stringify({ version: 1, nonce: asked.toString('hex'), proxy: 'e30=', tee: { type: 'tdx', quote: 'AA==' } })
    const evidence = { fromWorker: () => undefined, nthFor: () => undefined, own }
    const response = await get(`/v1/attestation?nonce=${nonce}`, {}, { evidence })
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toMatchObject({ nonce })
    await expectError(await get('/v1/attestation', {}, { evidence }), 400, null, 'nonce')
    await expectError(await get(`/v1/attestation?nonce=${nonce}&worker=w`, {}, { evidence }), 401, 'invalid_api_key')
    await expectError(await get(`/v1/attestation?nonce=${nonce}`, {}), 404, 'not_found')
    const busy = { ...evidence, own: async () => undefined }
    const refused = await get(`/v1/attestation?nonce=${nonce}`, {}, { evidence: busy })
    expect(refused.headers.get('retry-after-ms')).toBe('1000')
    await expectError(refused, 503, 'overloaded')
  })

  test('a worker that does not answer is a 502', async () => {
    const evidence = { fromWorker: () => Promise.reject(new Error('gone')), nthFor: () => undefined }
    await expectError(await get(`/v1/attestation?nonce=${nonce}&worker=w`, auth, { evidence }), 502, 'worker_failed')
  })
})

describe('channels', () => {
  const post = (path: string, body: unknown) =>
    app().request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
  const payerKey = 'ab'.repeat(32)
  const key = { terms, payer_key: payerKey, ceiling: '5', signature: 'cd'.repeat(64) }

  test('are proposed, and keys are made', async () => {
    expect((await post('/v1/channels', { payer: 'EQ', payer_key: payerKey })).status).toBe(201)
    expect(await (await post('/v1/channels/keys', key)).json()).toEqual(newKey)
  })

  test('are opened where they were paid to', async () => {
    const response = await post('/v1/channels/deploy', { terms, payer_key: payerKey })
    expect([response.status, await response.json()]).toEqual([
      200,
      { channel: 'EQ', status: 'waiting', balance: '5', minimum_deposit: '5' },
    ])
  })

  test.each([
    ['keys', 200],
    ['new-key', 201],
    ['revoke-key', 200],
    ['close', 202],
  ])('take the command %s, and answer %i', async (action, status) => {
    const response = await post('/v1/channels/command', { channel: 'EQ', action, argument: '', at: 1, signature: 'cd'.repeat(64) })
    expect([response.status, await response.json()]).toEqual([status, commandAnswers[action]])
  })

  test.each([
    ['no JSON', 'hello', null],
    ['a member too many', { ...key, more: 1 }, null],
    ['no terms', { ...key, terms: undefined }, 'terms'],
    ['a salt beyond 64 bits', { ...key, terms: { ...terms, salt: '18446744073709551616' } }, 'terms.salt'],
    ['a salt of letters', { ...key, terms: { ...terms, salt: 'salt' } }, 'terms.salt'],
    ['a ceiling as a number', { ...key, ceiling: 5 }, 'ceiling'],
    ['a short signature', { ...key, signature: 'cd' }, 'signature'],
  ])('%s is a 400 that names the member', async (_, body, param) => {
    await expectError(await post('/v1/channels/keys', body), 400, null, param)
  })

  test('a huge body is a 413', async () => {
    await expectError(await post('/v1/channels', 'x'.repeat(20_000)), 413, 'request_too_large')
  })
})

describe('health', () => {
  test('alive, ready, and why not', async () => {
    expect((await get('/healthz', {})).status).toBe(200)
    expect((await get('/readyz', {})).status).toBe(200)
    const not = await get('/readyz', {}, { health: { obstacles: () => ['no worker has a live lease'] } })
    expect(not.status).toBe(503)
    expect(await not.json()).toMatchObject({ obstacles: ['no worker has a live lease'] })
  })

  test('metrics in Prometheus’ form', async () => {
    const text = await (await get('/metrics', {})).text()
    expect(text).toContain('chrysalis_workers{lease="live"} 1')
    expect(text).toContain('nodejs_eventloop_lag_seconds')
  })
})

describe('everything else', () => {
  test('an unknown path is a 404 with OpenAI’s body', async () => {
    await expectError(await get('/v1/nothing'), 404, 'unknown_url')
  })

  test('every answer of a simulated deployment says so', async () => {
    for (const path of ['/v1/models', '/v1/nothing', '/healthz']) expect((await get(path)).headers.get('x-chrysalis-tee')).toBe('simulated')
    expect((await get('/healthz', auth, { simulated: false })).headers.get('x-chrysalis-tee')).toBeNull()
  })

  test('an unexpected error is a 500 that says nothing of its message', async () => {
    const response = await get('/v1/account', auth, {
      ledger: {
        findKey: () => ({ channel: 'EQA' }),
        account: () => {
          throw new Error('TOP SECRET')
        },
      },
    })
    const text = await response.clone().text()
    expect(text).not.toContain('TOP SECRET')
    await expectError(response, 500, 'internal_error')
  })
})

describe('errors', () => {
  test.each([
    [new LedgerError('insufficient-funds', 'x'), 402, 'insufficient_quota'],
    [new LedgerError('channel-not-open', 'x'), 402, 'insufficient_quota'],
    [new LedgerError('unavailable', 'x'), 503, 'ledger_unavailable'],
    [new SettlementError('bad-request', 'x', { param: 'p' }), 400, null],
    [new SettlementError('not-funded', 'x'), 402, 'insufficient_quota'],
    [new SettlementError('chain-unavailable', 'x'), 503, 'chain_unavailable'],
    [new Error('x'), 500, 'internal_error'],
  ])('%s becomes a status and a code', (error, status, code) => {
    const told = toApiError(error)
    expect(told.status).toBe(status)
    expect(told.body.error.code).toBe(code)
  })

  test('what needs money is never retried by itself', () => {
    expect(new ApiError('insufficient_quota', 'x').headers).toMatchObject({ 'x-should-retry': 'false' })
  })
})

describe('an API key', () => {
  const now = 1_790_000_000_000
  const keyed = (key: object) =>
    app({
      clock: new ManualClock(now),
      ledger: { findKey: (hash: string) => (hash === hashApiKey('sk-good') ? { hash, channel: 'EQA', createdAt: 1, ...key } : undefined) },
    }).request('/v1/models', { headers: auth })

  test.each<[string, object, RegExp]>([
    ['that was revoked', { revokedAt: now }, /was revoked/],
    ['past its time', { limits: { expiresAt: now / 1_000 } }, /past the time/],
  ])('%s is a 401 that says so', async (_, key, words) => {
    const response = await keyed(key)
    expect([response.status, await response.json()]).toEqual([
      401,
      { error: expect.objectContaining({ code: 'invalid_api_key', message: expect.stringMatching(words) }) },
    ])
  })

  test('within its time works', async () => {
    expect((await keyed({ limits: { expiresAt: now / 1_000 + 1 } })).status).toBe(200)
  })
})
