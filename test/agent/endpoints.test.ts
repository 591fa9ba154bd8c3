/** Every endpoint but chat, as the enclave serves it to one who seals: what is counted, in which unit, and what it comes to. */
import { describe, expect, test } from 'vitest'
import type { OtherUnit, Price } from '../../src/envelope/index.ts'
import { recording, sampleRequests, silence } from '../support/requests.ts'
import { everyEndpoint } from '../support/scripted-engine.ts'
import { askAt, costOfUnits, everyUnit, setUp as setUpAgent } from './fixture.ts'

async function setUp(options: Parameters<typeof setUpAgent>[0] = {}) {
  const setup = await setUpAgent(options, { offer: () => everyUnit })
  setup.client.price = everyUnit
  return setup
}

const requests = sampleRequests
  .filter(({ path }) => path !== '/v1/chat/completions')
  .map(({ path, stream, body }) => ({ path, stream, body: body() }))
const at = (path: string, body: Record<string, unknown> | FormData, stream = false) => ({ path, stream, body })
const image = (more: object = {}) => at('/v1/images/generations', { model: 'scripted', prompt: 'A fox.', n: 2, ...more })
const speech = (input: string) => at('/v1/audio/speech', { model: 'scripted', input, voice: 'alloy' }, true)
const transcription = (fields: Record<string, string> = {}, seconds = 2) =>
  at('/v1/audio/transcriptions', recording(fields, seconds), fields.stream === 'true')

const tokens = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }
/** What a good answer to each sample comes to. */
const fair: Record<string, object> = {
  '/v1/completions': { ...tokens, prompt: 12, completion: 6 },
  '/v1/responses': { ...tokens, prompt: 12, completion: 6 },
  '/v1/embeddings': { ...tokens, prompt: 12 },
  '/v1/moderations': { ...tokens, prompt: 12 },
  '/v1/rerank': { ...tokens, prompt: 12 },
  '/v1/images/generations': { ...tokens, images: 2 },
  '/v1/audio/speech': { ...tokens, characters: 10 },
  '/v1/audio/transcriptions': { ...tokens, seconds: 2 },
}
const refusedFor = (status: number, code: string, param: string | null = null) => ({
  defect: undefined,
  order: ['error', 'receipt'],
  error: { status, error: { code, param } },
  receipt: { cost: '0', finish: 'error', usage: tokens },
})

describe.each(requests)('$path (stream: $stream)', request => {
  const usage = fair[request.path]!
  const cost = costOfUnits(usage)

  test('is counted in its unit, and costs that to the nanoTON', async () => {
    const { client, engine } = await setUp()
    const call = await askAt(client, request)
    expect(call).toMatchObject({ status: 200, finish: 'stop', defect: undefined, usage })
    expect(call.receipt).toMatchObject({ usage, cost, finish: 'stop', model: 'scripted' })
    expect([...new Set(call.order)].filter(type => type !== 'checkpoint')).toEqual(['head', 'data', 'final', 'receipt'])
    expect(engine.requests).toMatchObject([{ path: request.path, body: { model: 'scripted' } }])
    // What is charged is what the answer itself says, wherever it can say anything.
    if (call.contentType === 'application/json') expect(JSON.parse(call.text)).toMatchObject({ usage: { cost } })
  })

  test('is refused for a cap that does not pay for all of it, and served for one that just does', async () => {
    const { client, engine } = await setUp()
    expect(await askAt(client, request, { cap: '0' })).toMatchObject(refusedFor(402, 'cap_too_small'))
    expect(engine.requests).toEqual([])
    const whole = Object.keys(usage).length > 4
    if (!whole) return
    expect(await askAt(client, request, { cap: (BigInt(cost) - 1n).toString() })).toMatchObject(refusedFor(402, 'cap_too_small'))
    expect(engine.requests).toEqual([])
    expect(await askAt(client, request, { cap: cost })).toMatchObject({ finish: 'stop', receipt: { cost } })
  })

  test('is refused for a price below the offer or without the unit, which says nothing of other endpoints', async () => {
    const { client, engine } = await setUp()
    const unit = (Object.keys(usage)[4] ?? 'prompt') as OtherUnit | 'prompt'
    const cheaper: Price = { ...everyUnit, [unit]: (BigInt(everyUnit[unit]!) - 1n).toString() }
    expect(await askAt(client, request, { price: cheaper })).toMatchObject(refusedFor(503, 'price_below_offer'))
    if (unit !== 'prompt') {
      const { [unit]: _, ...without } = everyUnit
      expect(await askAt(client, request, { price: without })).toMatchObject(refusedFor(503, 'price_below_offer'))
    }
    expect(engine.requests).toEqual([])
    const { prompt, cached, completion, reasoning } = everyUnit
    const own: Price = { prompt, cached, completion, reasoning, ...(unit === 'prompt' ? {} : { [unit]: everyUnit[unit] }) }
    expect(await askAt(client, request, { price: own })).toMatchObject({ finish: 'stop' })
  })

  test('is refused for a model that the keyset does not name here', async () => {
    const { client, engine } = await setUp({
      models: [{ id: 'scripted', context_length: 4096, endpoints: everyEndpoint.filter(path => path !== request.path) }],
    })
    expect(await askAt(client, request)).toMatchObject(refusedFor(404, 'model_not_found', 'model'))
    expect(engine.requests).toEqual([])
  })

  test('is refused in another media type than its own', async () => {
    const { client, engine } = await setUp()
    const { path, stream } = request
    const call = await client.ask(Buffer.from('model=scripted'), { context: { path, stream }, contentType: 'text/plain' })
    expect(call).toMatchObject(refusedFor(415, 'unsupported_media_type'))
    expect(engine.requests).toEqual([])
  })

  test('costs nothing where the engine answers in another media type', async () => {
    const { client, engine } = await setUp({ mode: 'wrong-media-type' })
    expect(await askAt(client, request)).toMatchObject(refusedFor(502, 'engine_failed'))
    await engine.requests[0]!.closed
  })
})

test('a unit that neither side names a price for is not worked for', async () => {
  const { client } = await setUpAgent()
  for (const request of [image(), speech('Hello.'), transcription()])
    expect(await askAt(client, request)).toMatchObject(refusedFor(402, 'cap_too_small'))
})

describe('images', () => {
  test.each([
    { made: 1, charged: 1 },
    { made: 5, charged: 2 },
  ])('are charged as they were made, and no more than were asked for: $made of 2', async ({ made, charged }) => {
    const { client } = await setUp({
      custom: async (_, response) => {
        const data = Array.from({ length: made }, () => ({ b64_json: 'aGk=' }))
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ created: 1, data, more: true }))
      },
    })
    const call = await askAt(client, image())
    expect(call.receipt).toMatchObject({ usage: { ...tokens, images: charged }, cost: costOfUnits({ images: charged }) })
    expect(JSON.parse(call.text)).toMatchObject({ created: 1, more: true, usage: { images: charged, cost: call.receipt!.cost } })
  })

  test.each([
    ['no images', { data: [] }],
    ['images with nothing in them', { data: [{ b64_json: '' }, {}, 7] }],
    ['no list', { data: { url: 'x' } }],
  ])('cost nothing where the engine sends %s', async (_, answer) => {
    const { client } = await setUp({
      custom: async (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      },
    })
    expect(await askAt(client, image())).toMatchObject(refusedFor(502, 'engine_failed'))
  })
})

describe('speech', () => {
  test('is charged by code points, however many bytes or UTF-16 units they have', async () => {
    const { client } = await setUp()
    const call = await askAt(client, speech('Grüße 👋🏽 an 世界'))
    expect(call.receipt).toMatchObject({ usage: { ...tokens, characters: 14 }, cost: costOfUnits({ characters: 14 }) })
  })

  test('comes in the engine’s media type, byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256))
    const { client } = await setUp({
      custom: async (_, response) => {
        response.writeHead(200, { 'content-type': 'audio/opus' }).end(bytes)
      },
    })
    const call = await askAt(client, speech('Hello.'))
    expect(call).toMatchObject({ contentType: 'audio/opus', finish: 'stop', receipt: { usage: { characters: 6 } } })
    expect(Buffer.concat(call.frames).equals(bytes)).toBe(true)
  })

  test('costs nothing where there is not a byte of it', async () => {
    const { client } = await setUp({
      custom: async (_, response) => {
        response.writeHead(200, { 'content-type': 'audio/mpeg' }).end()
      },
    })
    expect(await askAt(client, speech('Hello.'))).toMatchObject(refusedFor(502, 'engine_failed'))
  })
})

describe('a transcription', () => {
  test.each([
    { claimed: 1, charged: 3 },
    { claimed: 3, charged: 3 },
    { claimed: 9_999, charged: 3 },
    { claimed: undefined, charged: 3 },
    { claimed: Number.POSITIVE_INFINITY, charged: 3 },
  ])('of a WAV file is charged by the length of the file, whatever the engine claims ($claimed s)', async ({ claimed, charged }) => {
    const { client, engine } = await setUp()
    Object.assign(engine, { seconds: claimed })
    // A duration that is none would not be OpenAI's verbose form.
    const verbose = Number.isFinite(claimed) ? [{ response_format: 'verbose_json' }] : []
    for (const fields of [{}, ...verbose, { response_format: 'srt' }, { stream: 'true' }]) {
      const call = await askAt(client, transcription(fields, 3))
      expect(call.receipt).toMatchObject({ usage: { ...tokens, seconds: charged }, cost: costOfUnits({ seconds: charged }) })
    }
  })

  // 20,000 bytes that are no WAV: between 1 s (40 kB a second) and 40 s (500 bytes a second).
  test.each([
    { claimed: 7.2, charged: 8 },
    { claimed: '12.0', charged: 12 },
    { claimed: 0.1, charged: 1 },
    { claimed: 41, charged: 40 },
    { claimed: -3, charged: 1 },
    { claimed: 'long', charged: 1 },
  ])('of a compressed file is charged as the engine claims ($claimed s), within what the file can hold', async ({ claimed, charged }) => {
    const { client } = await setUp({
      custom: async (_, response) => {
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ text: 'hello', usage: { type: 'duration', seconds: claimed } }))
      },
    })
    const form = new FormData()
    form.append('file', new File([new Uint8Array(20_000)], 'a.mp3', { type: 'audio/mpeg' }))
    form.append('model', 'scripted')
    const call = await askAt(client, at('/v1/audio/transcriptions', form))
    expect(call.receipt).toMatchObject({ usage: { ...tokens, seconds: charged }, cost: costOfUnits({ seconds: charged }) })
    expect(JSON.parse(call.text)).toMatchObject({ text: 'hello', usage: { type: 'duration', seconds: charged } })
  })

  test('of a recording whose head promises more than there is is charged for what is there', async () => {
    const { client } = await setUp({ seconds: 9_999 })
    const file = silence(2)
    file.writeUInt32LE(0xffff_ffff, 40)
    const form = new FormData()
    form.append('file', new File([file], 'a.wav'))
    form.append('model', 'scripted')
    expect((await askAt(client, at('/v1/audio/transcriptions', form))).receipt!.usage.seconds).toBe(2)
  })

  test('reaches the engine with every field, and the recording whole', async () => {
    const { client, engine } = await setUp()
    const fields = { language: 'de', temperature: '0.2', 'timestamp_granularities[]': 'word', cache_salt: 'mine', made_up: 'yes' }
    expect((await askAt(client, transcription(fields))).finish).toBe('stop')
    const { cache_salt: _, ...passed } = fields
    expect(engine.requests[0]!.body).toEqual({
      model: 'scripted',
      ...passed,
      file: { name: 'silence.wav', type: 'audio/wav', size: 64_044 },
    })
  })
})

describe('token counts of an endpoint that only reads', () => {
  test('are estimated from the text where the engine claims none, and never pass its bytes', async () => {
    const { client, engine } = await setUp({ mode: 'usage-missing' })
    const ask = async () =>
      (await askAt(client, at('/v1/embeddings', { model: 'scripted', input: ['x'.repeat(80), 'y'.repeat(8)] }))).receipt!
    expect((await ask()).usage).toEqual({ ...tokens, prompt: 11 })
    engine.mode = 'usage-too-high'
    const body = { model: 'scripted', input: ['x'.repeat(80), 'y'.repeat(8)] }
    expect((await ask()).usage.prompt).toBe(Buffer.byteLength(JSON.stringify(body)) + 2 * 64)
  })
})
