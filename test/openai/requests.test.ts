/**
 * What the document says of requests is what the API does: good bodies, and each of their members in every other kind, are
 * judged by a JSON Schema validator that knows the document only, and sent.
 */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { ApiError } from '../../src/api/index.ts'
import { openApiDocument, operations, type Schema } from '../../src/openai/index.ts'
import { serveApi } from '../api/support/serve-api.ts'
import { sample, silence } from '../support/requests.ts'

type Json = Record<string, unknown>

const { components } = openApiDocument('1.2.3')
const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema({ $id: 'api', components })
const named = (id: string) => `${id.charAt(0).toUpperCase()}${id.slice(1)}Request`
const validator = (id: string) => ajv.getSchema(`api#/components/schemas/${named(id)}`)!

const kinds: readonly unknown[] = [
  ...[null, '', 'text', 'json', 'false', 0, 1, -1, 1.5, 3, 20_000_000, true, false, {}, { type: 'function' }, { a: 'b' }, { a: 1 }],
  ...[
    [],
    ['text'],
    [''],
    [1],
    [-1],
    [1.5],
    [[1]],
    [[]],
    [null],
    [{}],
    [{ type: 'text', text: 'x' }],
    [{ role: 'user' }],
    [{ role: 'nobody' }],
  ],
]

const hex32 = 'ab'.repeat(32)
const terms = { payer: 'EQ', payee: 'EQ', challenge_period: 60, open_until: 1, salt: '0' }
const own: Readonly<Record<string, Json>> = {
  '/v1/channels': { payer: 'EQ', payer_key: hex32 },
  '/v1/channels/keys': { terms, payer_key: hex32, ceiling: '5', signature: 'cd'.repeat(64) },
  '/v1/channels/deploy': { terms, payer_key: hex32 },
  '/v1/channels/command': { channel: 'EQ', action: 'keys', argument: '', at: 1, signature: 'cd'.repeat(64) },
}

/** What makes something where it is taken. */
const made = new Set(['/v1/channels', '/v1/channels/keys'])

/** A good body, without each of its members, and with each member that is described in every kind. */
function* variants(good: Json, schema: Schema): Generator<{ changed: string; body: Json }> {
  yield { changed: 'nothing', body: good }
  yield { changed: 'a member that nobody knows', body: { ...good, unheard_of: 1 } }
  for (const member of Object.keys(good)) {
    const { [member]: _, ...body } = good
    yield { changed: `no ${member}`, body }
  }
  for (const member of Object.keys(schema.properties as Json))
    for (const value of kinds) yield { changed: `${member}: ${JSON.stringify(value)}`, body: { ...good, [member]: value } }
}

/** What passed the reading of the body is refused with 503, so that nothing has to be answered. */
const api = () =>
  serveApi(() => Promise.reject(new ApiError('no_attested_worker', 'x')), {
    keyLimits: { requestsPerMinute: 1e9, tokensPerMinute: 1e9, concurrent: 100 },
  })

describe.each(operations.filter(({ body }) => body?.takes === 'application/json'))('$path', ({ id, path, paid }) => {
  test('takes and refuses what the document says', async () => {
    const { post } = await api()
    const validate = validator(id)
    const judged = { taken: 0, refused: 0 }
    for (const { changed, body } of variants(
      paid ? (sample(path, path === '/v1/audio/speech').body() as Json) : own[path]!,
      components.schemas[named(id)]!,
    )) {
      const taken = validate(body)
      judged[taken ? 'taken' : 'refused'] += 1
      const response = await post(path, body)
      await response.body?.cancel()
      expect({ changed, status: response.status }).toEqual({ changed, status: taken ? (paid ? 503 : made.has(path) ? 201 : 200) : 400 })
    }
    expect(judged.taken).toBeGreaterThan(0)
    expect(judged.refused).toBeGreaterThan(30)
  })
})

describe('/v1/audio/transcriptions', () => {
  test('takes and refuses what the document says', async () => {
    const { origin } = await api()
    const validate = validator('createTranscription')
    const { properties } = components.schemas[named('createTranscription')]! as { properties: Json }
    const fields = Object.keys(properties).filter(name => name !== 'file')
    const texts = ['', 'x', 'true', 'false', 'srt', '0.5']
    const bodies: Json[] = fields.flatMap(field => texts.map(text => ({ model: 'a', file: 'recording', [field]: text })))
    for (const body of [...bodies, { model: 'a' }, { file: 'recording' }]) {
      const form = new FormData()
      for (const [name, value] of Object.entries(body))
        form.append(name, name === 'file' ? new File([silence(1)], 'a.wav', { type: 'audio/wav' }) : String(value))
      const response = await fetch(`${origin}/v1/audio/transcriptions`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-good' },
        body: form,
      })
      await response.body?.cancel()
      expect({ body, status: response.status }).toEqual({ body, status: validate(body) ? 503 : 400 })
    }
  })
})

describe('headers', () => {
  const { schema } = components.parameters['idempotency-key']!
  test.each(['a', 'x'.repeat(255), 'x'.repeat(256), 'two words', '~!'])(
    'an Idempotency-Key of “%s” is taken where the document says so',
    async key => {
      const { post } = await api()
      const response = await post('/v1/embeddings', { model: 'a', input: 'x' }, { 'idempotency-key': key })
      await response.body?.cancel()
      expect(response.status).toBe(ajv.validate(schema, key) ? 503 : 400)
    },
  )
})
