/** Every endpoint through the whole product, with an engine that behaves: what comes back, what is charged, where a model is served. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy, price } from '../support/deployment.ts'
import { recording, sample, sampleRequests } from '../support/requests.ts'
import { everyEndpoint, ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let chatOnly: ScriptedEngine
let deployment: Deployment

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  chatOnly = await ScriptedEngine.start({ models: [{ id: 'talker', context_length: 4096, endpoints: ['/v1/chat/completions'] }] })
  deployment = await deploy({
    engines: [engine.url, chatOnly.url],
    proxy: { pricing: { default: price, models: { talker: { prompt: '0', cached: '0', completion: '0', reasoning: '0' } } } },
    worker: { offer: { default: price, models: { talker: { prompt: '0', cached: '0', completion: '0', reasoning: '0' } } } },
  })
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
  await chatOnly?.close()
})

const millionth = (units: Record<string, number>) => {
  const sum = Object.entries(units).reduce((total, [unit, count]) => total + BigInt(count) * BigInt(price[unit as keyof typeof price]), 0n)
  return (sum + 999_999n) / 1_000_000n
}

/** What a good answer of the scripted engine comes to: 12 prompt tokens, 6 tokens made, 2 images, 10 characters, 2 seconds. */
const fair: Record<string, bigint> = {
  '/v1/chat/completions': millionth({ prompt: 12, completion: 6 }),
  '/v1/completions': millionth({ prompt: 12, completion: 6 }),
  '/v1/responses': millionth({ prompt: 12, completion: 6 }),
  '/v1/embeddings': millionth({ prompt: 12 }),
  '/v1/moderations': millionth({ prompt: 12 }),
  '/v1/rerank': millionth({ prompt: 12 }),
  '/v1/images/generations': millionth({ images: 2 }),
  '/v1/audio/speech': millionth({ characters: 10 }),
  '/v1/audio/transcriptions': millionth({ seconds: 2 }),
}

describe.each(sampleRequests)('$path (stream: $stream)', request => {
  test('answers, is charged by its unit to the nanoTON, and the receipt says so before the answer has ended', async () => {
    const before = await deployment.idle()
    const response = await deployment.post(request.path, request.body())
    expect({ status: response.status, tee: response.headers.get('x-chrysalis-tee') }).toEqual({ status: 200, tee: 'simulated' })
    const text = await response.text()
    // No waiting here: the charge is there when the last byte is.
    const after = await deployment.account()
    expect(after.spent - before.spent).toBe(fair[request.path])
    expect(after.reserved).toBe(0n)
    const receipt = (await (await deployment.get(`/v1/receipts/${response.headers.get('x-chrysalis-receipt')}`)).json()) as { cost: string }
    expect(BigInt(receipt.cost)).toBe(after.spent - before.spent)
    if (!request.stream && response.headers.get('content-type') === 'application/json')
      expect(JSON.parse(text)).toMatchObject({ usage: { cost: receipt.cost } })
    if (/chat|\/completions/.test(request.path) && request.stream) expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(text.length).toBeGreaterThan(0)
  })

  test('is refused for a model that is served elsewhere, and says which models are served here', async () => {
    const asked = chatOnly.requests.length
    const body = request.body()
    if (body instanceof FormData) body.set('model', 'talker')
    const response = await deployment.post(request.path, body instanceof FormData ? body : { ...body, model: 'talker' })
    if (request.path === '/v1/chat/completions') {
      expect(response.status).toBe(200)
      await response.body?.cancel()
    } else {
      expect(response.status).toBe(404)
      const { error } = (await response.json()) as { error: { code: string; param: string; message: string } }
      expect(error).toMatchObject({ code: 'model_not_found', param: 'model' })
      expect(error.message).toContain(`'talker' is not served at ${request.path}`)
      expect(error.message).toContain("'scripted'")
      expect(chatOnly.requests.length).toBe(asked)
    }
  })
})

describe('the last event of a stream', () => {
  test.each(['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/audio/transcriptions'])(
    'of %s is not there before the charge is',
    async path => {
      const before = await deployment.idle()
      const response = await deployment.post(path, sample(path, true).body())
      const last = /data: \[DONE\]|event: response\.completed|event: transcript\.text\.done/
      let text = ''
      for await (const part of response.body!) {
        text += Buffer.from(part).toString('utf8')
        if (last.test(text)) break
      }
      expect((await deployment.account()).spent - before.spent).toBe(fair[path])
    },
  )
})

describe('the list of models', () => {
  test('says where each is served and at what price', async () => {
    const { data } = (await (await deployment.get('/v1/models')).json()) as { data: { id: string; endpoints: string[] }[] }
    expect(Object.fromEntries(data.map(({ id, endpoints }) => [id, [...endpoints].sort()]))).toEqual({
      scripted: [...everyEndpoint].sort(),
      talker: ['/v1/chat/completions'],
    })
    expect(await (await deployment.get('/v1/models/scripted')).json()).toMatchObject({ price })
  })
})

describe('responses that would have to be kept', () => {
  test.each([{ store: true }, { background: true }, { previous_response_id: 'resp_1' }, { conversation: 'conv_1' }])(
    '%j is refused by name',
    async member => {
      const asked = engine.requests.length
      const response = await deployment.post('/v1/responses', { model: 'scripted', input: 'hello', ...member })
      expect(response.status).toBe(400)
      const { error } = (await response.json()) as { error: { param: string; message: string } }
      expect(error.param).toBe(Object.keys(member)[0])
      expect(error.message).toContain('answers are kept nowhere')
      expect(engine.requests.length).toBe(asked)
    },
  )

  test.each([
    ['GET', '/v1/responses/resp_1'],
    ['DELETE', '/v1/responses/resp_1'],
    ['POST', '/v1/responses/resp_1/cancel'],
    ['GET', '/v1/responses/resp_1/input_items'],
  ])('%s %s finds nothing, and says why', async (method, path) => {
    const response = await fetch(deployment.origin + path, { method, headers: { authorization: `Bearer ${deployment.apiKey}` } })
    expect(response.status).toBe(404)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect(error).toMatchObject({ code: 'not_found' })
    expect(error.message).toContain('answers are kept nowhere')
  })
})

describe('a transcription', () => {
  test.each([
    ['text', 'text/plain; charset=utf-8'],
    ['srt', 'text/plain; charset=utf-8'],
    ['vtt', 'text/vtt; charset=utf-8'],
    ['verbose_json', 'application/json'],
  ])('comes as %s too', async (format, type) => {
    const response = await deployment.post('/v1/audio/transcriptions', recording({ response_format: format }))
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type])
    expect(await response.text()).toContain('Hello from the scripted engine.')
  })
})
