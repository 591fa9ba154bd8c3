import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  createSenderSession,
  generateRecipientKeyPair,
  kemXWing,
  newRid,
  type RequestContext,
  sealRequest,
} from '../../src/envelope/index.ts'
import { chat, setUp } from './fixture.ts'

const weights = (digit: string) => `sha256:${digit.repeat(64)}`

describe('before the engine runs', () => {
  const refusals: {
    what: string
    context?: Partial<RequestContext>
    body?: unknown
    contentType?: string
    status: number
    code: string | null
    param?: string
  }[] = [
    { what: 'a path that nobody serves', context: { path: '/v1/files' }, status: 404, code: 'unknown_url' },
    {
      what: 'a path that this engine does not serve',
      context: { path: '/v1/embeddings' },
      status: 404,
      code: 'model_not_found',
      param: 'model',
    },
    {
      what: 'a model that is not served',
      context: { model: 'other' },
      body: chat({ model: 'other' }),
      status: 404,
      code: 'model_not_found',
      param: 'model',
    },
    { what: 'a body for another model than the context', body: chat({ model: 'other' }), status: 400, code: null, param: 'model' },
    {
      what: 'a body that streams where the context does not',
      context: { stream: false },
      body: chat({ stream: true }),
      status: 400,
      code: null,
      param: 'stream',
    },
    { what: 'a context that streams where the body does not', context: { stream: true }, status: 400, code: null, param: 'stream' },
    { what: 'other weights than were loaded', context: { weights: weights('b') }, status: 503, code: 'weights_differ' },
    {
      what: 'a prompt price below the offer',
      context: { price: { prompt: '999999', cached: '500000', completion: '3000000', reasoning: '3000000' } },
      status: 503,
      code: 'price_below_offer',
    },
    {
      what: 'a reasoning price below the offer',
      context: { price: { prompt: '1000000', cached: '500000', completion: '3000000', reasoning: '2999999' } },
      status: 503,
      code: 'price_below_offer',
    },
    { what: 'a cap that does not pay for the prompt', context: { cap: '100' }, status: 402, code: 'cap_too_small' },
    { what: 'a padding that is not made here', context: { pad: 'cells' }, status: 400, code: 'padding_not_supported' },
    { what: 'another media type', contentType: 'text/plain', status: 415, code: 'unsupported_media_type' },
    { what: 'no JSON', body: Buffer.from('{"model":'), status: 400, code: null },
    { what: 'no object', body: Buffer.from('["scripted"]'), status: 400, code: null },
    { what: 'no messages', body: chat({ messages: [] }), status: 400, code: null, param: 'messages' },
    { what: 'a wrong limit', body: chat({ max_tokens: -1 }), status: 400, code: null, param: 'max_tokens' },
    { what: 'too many choices', body: chat({ n: 1_000_000 }), status: 400, code: null, param: 'n' },
    {
      what: 'wrong stream options',
      body: chat({ stream_options: { include_usage: 'yes' } }),
      status: 400,
      code: null,
      param: 'stream_options.include_usage',
    },
    {
      what: 'a body nested too deeply',
      body: Buffer.from(`{"model":"scripted","messages":[{"role":"user","content":"a"}],"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      status: 400,
      code: null,
    },
  ]

  test.each(refusals)('refuses $what, sealed, at no cost', async ({ context, body, contentType, status, code, param }) => {
    const { client, engine } = await setUp({ models: [{ id: 'scripted', context_length: 4096, weights_digest: weights('a') }] })
    const call = await client.ask(body ?? chat(), { context: context ?? {}, ...(contentType ? { contentType } : {}) })
    expect(call).toMatchObject({ defect: undefined, order: ['error', 'receipt'], error: { status, error: { code, param: param ?? null } } })
    expect(call.receipt).toMatchObject({ cost: '0', finish: 'error', usage: { prompt: 0, cached: 0, completion: 0, reasoning: 0 } })
    expect(engine.requests).toEqual([])
  })

  test('accepts exactly the offer, the weights that are loaded, and a payer that signed', async () => {
    const { client } = await setUp({ models: [{ id: 'scripted', context_length: 4096, weights_digest: weights('a') }] })
    expect(await client.ask(chat(), { context: { weights: weights('a') } })).toMatchObject({
      finish: 'stop',
      receipt: { weights: weights('a') },
    })
    const payer = generateKeyPairSync('ed25519')
    const raw = payer.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
    const key = client.keyset.json.hpke[0]!
    const session = createSenderSession({
      kid: Buffer.from(key.kid, 'hex'),
      kem: key.kem,
      publicKey: Buffer.from(key.public_key, 'base64'),
    })
    const sealed = sealRequest({
      context: client.context({ payer: raw.toString('base64url') }),
      sessions: [session],
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(chat())),
      payerKey: payer.privateKey,
    })
    const call = client.replay(sealed)
    await call.ended
    expect(call).toMatchObject({ finish: 'stop', defect: undefined })
  })

  test('writes the engine’s body anew, so that a member named twice is read in one way', async () => {
    const { client, engine } = await setUp()
    const body = Buffer.from('{"model":"dear","messages":[{"role":"user","content":"a"}],"model":"scripted","seed":7}')
    expect((await client.ask(body)).finish).toBe('stop')
    expect(engine.requests[0]!.body).toEqual({
      model: 'scripted',
      messages: [{ role: 'user', content: 'a' }],
      seed: 7,
      cache_salt: expect.any(String),
    })
  })
})

describe('a body that is large', () => {
  const mebibyte = 1024 * 1024
  const limits = { envelope: { maxPayload: mebibyte, maxData: 64 * mebibyte }, bodiesBytes: 128 * mebibyte }
  const models = [{ id: 'scripted', context_length: 100_000_000 }]

  test('reaches the engine whole, and is charged like any other', async () => {
    const { client, engine } = await setUp({ models }, { limits })
    const content = 'zwölf '.repeat(mebibyte)
    const call = await client.ask(chat({ messages: [{ role: 'user', content }] }), { context: { cap: '1000000000000000' } })
    expect(call.finish).toBe('stop')
    const [asked] = engine.requests
    expect((asked!.body.messages as { content: string }[])[0]!.content === content).toBe(true)
  })

  test.each([
    ['deep', `${'['.repeat(31 * mebibyte)}${']'.repeat(31 * mebibyte)}`],
    ['of nothing but arrays', `[${'[],'.repeat(20 * mebibyte)}[]]`],
  ])('and %s is refused in a sealed answer, and ends nothing', async (_, value) => {
    const { client } = await setUp({ models }, { limits })
    const call = await client.ask(Buffer.from(`{"model":"scripted","x":${value}}`))
    expect(call.error).toMatchObject({ status: 400, error: { type: 'invalid_request_error' } })
    expect((await client.ask(chat())).finish).toBe('stop')
  })
})

describe('before a request stands whole, the outer answer', () => {
  async function outer(
    bytes: Buffer,
    changes: { url: string; headers?: Record<string, string> },
  ): Promise<{ status: number; type: string }> {
    const response = await fetch(`${changes.url}/v1/sealed`, {
      method: 'POST',
      headers: { 'content-type': 'application/chrysalis-envelope', ...changes.headers },
      body: new Uint8Array(bytes),
    })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    return (await response.json()) as { status: number; type: string }
  }

  test('to a key that is not held is 409 unknown-key', async () => {
    const { client, engine } = await setUp()
    const foreign = createSenderSession(generateRecipientKeyPair(kemXWing))
    const sealed = sealRequest({ context: client.context(), sessions: [foreign], contentType: 'application/json', body: Buffer.from('{}') })
    expect(await outer(sealed.bytes, client)).toMatchObject({ status: 409, type: 'urn:chrysalis:unknown-key' })
    expect(engine.requests).toEqual([])
  })

  test('to a rid that was taken is 409 replayed, and the engine runs once', async () => {
    const { client, engine } = await setUp()
    const sealed = client.seal(chat())
    await client.replay(sealed).ended
    expect(await outer(sealed.bytes, client)).toMatchObject({ status: 409, type: 'urn:chrysalis:replayed' })
    expect(engine.requests.length).toBe(1)
  })

  test('of two at once with one rid, one is refused', async () => {
    const { client, engine } = await setUp({ mode: 'paced' })
    const sealed = client.seal(chat({ stream: true }))
    const calls = [client.replay(sealed), client.replay(sealed)]
    await Promise.all(calls.map(call => call.ended))
    expect(calls.map(call => call.problem?.type ?? call.finish).sort()).toEqual(['stop', 'urn:chrysalis:replayed'])
    expect(engine.requests.length).toBe(1)
  })

  test('to a clock that is two minutes off is 400 clock', async () => {
    const { client } = await setUp()
    expect(await outer(client.seal(chat(), { context: { ts: Date.now() - 121_000 } }).bytes, client)).toMatchObject({
      status: 400,
      type: 'urn:chrysalis:clock',
    })
  })

  test('to a request that is cut short is 400 truncated, and its rid may come again', async () => {
    const { client } = await setUp()
    const sealed = client.seal(chat())
    expect(await outer(sealed.bytes.subarray(0, -10), client)).toMatchObject({ status: 400, type: 'urn:chrysalis:truncated' })
    const call = client.replay(sealed)
    await call.ended
    expect(call.finish).toBe('stop')
  })

  test('to a flipped bit is 400', async () => {
    const { client, engine } = await setUp()
    const { bytes } = client.seal(chat())
    for (const at of [0, 20, bytes.length - 40, bytes.length - 1]) {
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1
      expect((await outer(flipped, client)).status).toBe(400)
    }
    expect(engine.requests).toEqual([])
  })

  test('to what is no envelope is 400 malformed, or 415 by its media type', async () => {
    const { client } = await setUp()
    expect(await outer(Buffer.from('{"model":"scripted"}'), client)).toMatchObject({ status: 400, type: 'urn:chrysalis:malformed' })
    expect((await outer(client.seal(chat()).bytes, { url: client.url, headers: { 'content-type': 'application/json' } })).status).toBe(415)
  })

  test('to a body above the limit is 413', async () => {
    const { client } = await setUp({}, { limits: { envelope: { maxPayload: 1024, maxData: 4096 } } })
    const large = chat({ messages: [{ role: 'user', content: 'x'.repeat(10_000) }] })
    expect(await outer(client.seal(large).bytes, client)).toMatchObject({ status: 413, type: 'urn:chrysalis:too-large' })
  })

  test('to a sender that falls silent comes all the same', async () => {
    const { client } = await setUp({}, { limits: { requestMs: 100 } })
    const { bytes } = client.seal(chat())
    const { port } = new URL(client.url)
    const heard = await new Promise<string>(resolve => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.write(
        `POST /v1/sealed HTTP/1.1\r\nhost: a\r\ncontent-type: application/chrysalis-envelope\r\ncontent-length: ${bytes.length}\r\n\r\n`,
      )
      socket.write(bytes.subarray(0, 1_000))
      socket.once('data', data => {
        resolve(data.toString())
        socket.destroy()
      })
    })
    expect(heard).toMatch(/^HTTP\/1\.1 400 /)
    expect(heard).toContain('urn:chrysalis:truncated')
  })

  test('is 503 where the bodies of others take all the memory, and not once they are done', async () => {
    const { client, engine } = await setUp({ mode: 'hang-in-answer' }, { limits: { bodiesBytes: 300_000 } })
    const text = (length: number) => chat({ stream: true, messages: [{ role: 'user', content: 'x'.repeat(length) }] })
    const first = client.send(text(200_000))
    const asked = await engine.asked()
    expect((await client.ask(text(200_000))).problem).toEqual({ status: 503, type: 'urn:chrysalis:busy' })
    first.cut()
    await asked.closed
    const second = client.send(text(200_000))
    await engine.asked()
    second.cut()
  })

  test('is 503 where too many requests run', async () => {
    const { client, engine } = await setUp({ mode: 'hang-in-answer' }, { limits: { maxRunning: 1 } })
    const running = client.send(chat({ stream: true }))
    await engine.asked()
    expect((await client.ask(chat(), { context: { rid: newRid() } })).problem).toMatchObject({ status: 503 })
    running.cut()
  })
})
