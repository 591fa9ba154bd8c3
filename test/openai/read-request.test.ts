/** What both ends read in a request: one good sample of each endpoint, and each rule broken once. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endpoints, type Facts, type ReadRequest, RequestError, readRequest } from '../../src/openai/index.ts'
import { silence } from '../support/requests.ts'

const chat = { model: 'm', messages: [{ role: 'user', content: 'hello' }] }
const json = 'application/json'

function read(path: string, body: unknown, contentType = json): ReadRequest | Promise<ReadRequest> {
  return readRequest(endpoints.get(path)!, contentType, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
}

const factsOf = (path: string, body: unknown): Facts => (read(path, body) as ReadRequest).facts

function paramOf(path: string, body: unknown): string | null {
  try {
    void read(path, body)
  } catch (error) {
    if (error instanceof RequestError && error.code === 'invalid') return error.param
    throw error
  }
  throw new Error('it was taken')
}

const plain = { model: 'm', stream: false, inputs: 1, hasMedia: false, units: {}, asksUsage: false, asksContinuousUsage: false }

describe('what is asked for', () => {
  test.each<[string, string, object, Partial<Facts>]>([
    ['a chat', '/v1/chat/completions', chat, { generates: { choices: 1 } }],
    [
      'a chat with the newer limit',
      '/v1/chat/completions',
      { ...chat, max_completion_tokens: 5, max_tokens: 9 },
      { generates: { choices: 1, maxTokens: 5 } },
    ],
    ['a chat with the older limit', '/v1/chat/completions', { ...chat, max_tokens: 9, n: 3 }, { generates: { choices: 3, maxTokens: 9 } }],
    [
      'a stream with usage',
      '/v1/chat/completions',
      { ...chat, stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } },
      { stream: true, generates: { choices: 1 }, asksUsage: true, asksContinuousUsage: true },
    ],
    [
      'a stream with empty options',
      '/v1/chat/completions',
      { ...chat, stream: true, stream_options: {} },
      { stream: true, generates: { choices: 1 } },
    ],
    [
      'a chat over an image',
      '/v1/chat/completions',
      { ...chat, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] },
      { hasMedia: true, generates: { choices: 1 } },
    ],
    [
      'nulls in place of members',
      '/v1/chat/completions',
      { ...chat, stream: null, n: null, max_tokens: null, stop: null, tools: null },
      { generates: { choices: 1 } },
    ],
    ['a text', '/v1/completions', { model: 'm', prompt: 'a' }, { generates: { choices: 1, maxTokens: 16 } }],
    [
      'texts',
      '/v1/completions',
      { model: 'm', prompt: ['a', 'b'], n: 2, best_of: 3, max_tokens: 4 },
      { inputs: 2, generates: { choices: 6, maxTokens: 4 } },
    ],
    ['tokens', '/v1/completions', { model: 'm', prompt: [[1, 2], [3]] }, { inputs: 2, generates: { choices: 2, maxTokens: 16 } }],
    ['an embedding', '/v1/embeddings', { model: 'm', input: 'äb' }, { detail: { bytes: 3 } }],
    ['embeddings', '/v1/embeddings', { model: 'm', input: ['a', 'bc'] }, { inputs: 2, detail: { bytes: 3 } }],
    ['embeddings of tokens', '/v1/embeddings', { model: 'm', input: [1, 2, 3] }, { detail: { bytes: 12 } }],
    ['a moderation', '/v1/moderations', { model: 'm', input: ['a', 'b'] }, { inputs: 2, detail: { bytes: 2 } }],
    [
      'a moderation of parts',
      '/v1/moderations',
      {
        model: 'm',
        input: [
          { type: 'text', text: 'abc' },
          { type: 'image_url', image_url: { url: 'x' } },
        ],
      },
      { hasMedia: true, detail: { bytes: 3 } },
    ],
    ['a ranking', '/v1/rerank', { model: 'm', query: 'qq', documents: ['a', { text: 'bcd' }] }, { inputs: 2, detail: { bytes: 8 } }],
    ['images', '/v1/images/generations', { model: 'm', prompt: 'a', n: 4 }, { inputs: 0, units: { images: 4 } }],
    ['speech', '/v1/audio/speech', { model: 'm', input: 'a🎈b', voice: 'v' }, { stream: true, inputs: 0, units: { characters: 3 } }],
    [
      'a response',
      '/v1/responses',
      { model: 'm', input: 'a', max_output_tokens: 7, store: false },
      { generates: { choices: 1, maxTokens: 7 }, asksUsage: true },
    ],
    [
      'a response over a recording',
      '/v1/responses',
      { model: 'm', input: [{ role: 'user', content: [{ type: 'input_audio' }] }], stream: true },
      { stream: true, hasMedia: true, generates: { choices: 1 }, asksUsage: true },
    ],
  ])('by %s', (_what, path, body, facts) => {
    expect(factsOf(path, body)).toEqual({ ...plain, ...facts })
    expect((read(path, body) as ReadRequest).body).toEqual(body)
  })

  test('never depends on members that nobody knows', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().map(name => `x_${name}`),
          fc.jsonValue(),
        ),
        unknown => {
          expect(factsOf('/v1/chat/completions', { ...unknown, ...chat })).toEqual(factsOf('/v1/chat/completions', chat))
        },
      ),
    )
  })

  test('is plain data, whatever a body calls its members', () => {
    const body =
      '{"__proto__":{"stream":true,"n":9},"constructor":{"prototype":{"n":9}},"model":"__proto__","messages":[{"role":"user","content":"a","__proto__":1}]}'
    expect(factsOf('/v1/chat/completions', body)).toEqual({ ...plain, model: '__proto__', generates: { choices: 1 } })
    expect(({} as Record<string, unknown>).stream).toBeUndefined()
    expect(structuredClone(factsOf('/v1/chat/completions', body))).toEqual(factsOf('/v1/chat/completions', body))
  })
})

describe('a request is refused by the name of its member', () => {
  test.each<[string, object, string]>([
    ['/v1/chat/completions', { model: 'm' }, 'messages'],
    ['/v1/chat/completions', { ...chat, messages: [] }, 'messages'],
    ['/v1/chat/completions', { messages: chat.messages }, 'model'],
    ['/v1/chat/completions', { ...chat, model: '' }, 'model'],
    ['/v1/chat/completions', { ...chat, model: 'x'.repeat(257) }, 'model'],
    ['/v1/chat/completions', { ...chat, messages: [{ role: 'king', content: 'a' }] }, 'messages.0.role'],
    ['/v1/chat/completions', { ...chat, messages: [{ role: 'user', content: 7 }] }, 'messages.0.content'],
    ['/v1/chat/completions', { ...chat, messages: [{ role: 'user', content: [{ text: 'a' }] }] }, 'messages.0.content.0.type'],
    ['/v1/chat/completions', { ...chat, stream: 'yes' }, 'stream'],
    ['/v1/chat/completions', { ...chat, n: 0 }, 'n'],
    ['/v1/chat/completions', { ...chat, n: 129 }, 'n'],
    ['/v1/chat/completions', { ...chat, max_tokens: 0 }, 'max_tokens'],
    ['/v1/chat/completions', { ...chat, max_completion_tokens: 1.5 }, 'max_completion_tokens'],
    ['/v1/chat/completions', { ...chat, stream_options: { include_usage: 1 } }, 'stream_options.include_usage'],
    ['/v1/chat/completions', { ...chat, temperature: 'hot' }, 'temperature'],
    ['/v1/chat/completions', { ...chat, logit_bias: { SECRET: 'x' } }, 'logit_bias'],
    ['/v1/chat/completions', { ...chat, metadata: { SECRET: 1 } }, 'metadata'],
    ['/v1/chat/completions', { ...chat, stop: [1] }, 'stop.0'],
    ['/v1/chat/completions', { ...chat, tools: [{ type: 'function', function: {} }] }, 'tools.0.function.name'],
    ['/v1/completions', { model: 'm' }, 'prompt'],
    ['/v1/completions', { model: 'm', prompt: '' }, 'prompt'],
    ['/v1/completions', { model: 'm', prompt: [1, -2] }, 'prompt.1'],
    ['/v1/completions', { model: 'm', prompt: ['a', 1] }, 'prompt.1'],
    ['/v1/completions', { model: 'm', prompt: ['a', 'b'], n: 65 }, 'n'],
    ['/v1/embeddings', { model: 'm', input: [] }, 'input'],
    ['/v1/embeddings', { model: 'm', input: 'a', encoding_format: 'hex' }, 'encoding_format'],
    ['/v1/embeddings', { model: 'm', input: Array.from({ length: 2_049 }, () => 'a') }, 'input'],
    ['/v1/moderations', { model: 'm', input: '' }, 'input'],
    ['/v1/rerank', { model: 'm', documents: ['a'] }, 'query'],
    ['/v1/rerank', { model: 'm', query: 'a', documents: [] }, 'documents'],
    ['/v1/images/generations', { model: 'm', prompt: 'a', n: 17 }, 'n'],
    ['/v1/images/generations', { model: 'm', prompt: 'a', stream: true }, 'stream'],
    ['/v1/audio/speech', { model: 'm', input: '' }, 'input'],
    ['/v1/audio/speech', { model: 'm', input: 'a', stream_format: 'sse' }, 'stream_format'],
    ['/v1/responses', { model: 'm', input: '' }, 'input'],
    ['/v1/responses', { model: 'm', input: 'a', store: true }, 'store'],
    ['/v1/responses', { model: 'm', input: 'a', background: true }, 'background'],
    ['/v1/responses', { model: 'm', input: 'a', previous_response_id: 'r' }, 'previous_response_id'],
    ['/v1/responses', { model: 'm', input: 'a', conversation: 'c' }, 'conversation'],
    ['/v1/responses', { model: 'm', input: 'a', prompt: { id: 'p' } }, 'prompt'],
  ])('%s: %#', (path, body, param) => {
    expect(paramOf(path, body)).toBe(param)
  })

  test.each([['{"model":'], ['["m"]'], ['null'], ['7'], ['']])('that is %s, without a name', body => {
    expect(paramOf('/v1/chat/completions', body)).toBeNull()
  })

  test.each(['text/plain', '', 'application/jsonp', 'multipart/form-data; boundary=x'])('in media type "%s"', contentType => {
    expect(() => read('/v1/chat/completions', chat, contentType)).toThrow(expect.objectContaining({ code: 'unsupported-media-type' }))
  })

  test.each(['application/json; charset=utf-8', 'Application/JSON'])('and not in media type "%s"', contentType => {
    expect(() => read('/v1/chat/completions', chat, contentType)).not.toThrow()
  })

  test('and repeats nothing of it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...endpoints.keys()), fc.jsonValue(), (path, noise) => {
        const secret = 'SECRET-4711'
        const body = {
          model: 'm',
          messages: [{ role: secret }],
          prompt: { [secret]: secret },
          input: { [secret]: noise },
          documents: secret,
          query: [secret],
          n: secret,
        }
        if (endpoints.get(path)!.takes !== json) return
        try {
          void read(path, body)
        } catch (error) {
          expect(JSON.stringify([error, (error as Error).message])).not.toContain('SECRET')
        }
      }),
    )
  })
})

describe('a form', () => {
  const path = '/v1/audio/transcriptions'
  async function readForm(fields: readonly (readonly [string, string | Blob])[]): Promise<ReadRequest> {
    const form = new FormData()
    for (const [name, value] of fields) form.append(name, value)
    const response = new Response(form)
    return readRequest(endpoints.get(path)!, response.headers.get('content-type')!, Buffer.from(await response.arrayBuffer()))
  }
  const file = ['file', new File([silence(3)], 'a.wav')] as const

  test('says how long its recording is, in which form the answer comes, and whether it streams', async () => {
    const { facts } = await readForm([
      ['model', 'm'],
      file,
      ['response_format', 'srt'],
      ['stream', 'true'],
      ['include[]', 'a'],
      ['include[]', 'b'],
    ])
    expect(facts).toEqual({
      ...plain,
      stream: true,
      inputs: 0,
      units: { seconds: 3 },
      asksUsage: true,
      detail: { format: 'srt', leastSeconds: 3 },
    })
  })

  test.each<[string, readonly (readonly [string, string | Blob])[], string | null]>([
    ['no model', [file], 'model'],
    ['no file', [['model', 'm']], 'file'],
    [
      'a text for a file',
      [
        ['model', 'm'],
        ['file', 'a'],
      ],
      'file',
    ],
    [
      'an empty file',
      [
        ['model', 'm'],
        ['file', new File([], 'a.wav')],
      ],
      'file',
    ],
    ['two models', [['model', 'm'], ['model', 'n'], file], 'model'],
    ['two files', [['model', 'm'], file, file], 'file'],
    ['an unknown form of answer', [['model', 'm'], file, ['response_format', 'pdf']], 'response_format'],
    ['another word than true or false', [['model', 'm'], file, ['stream', 'yes']], 'stream'],
  ])('with %s is refused', async (_what, fields, param) => {
    await expect(readForm(fields)).rejects.toMatchObject({ code: 'invalid', param })
  })

  test('that is none is refused', async () => {
    const broken = readRequest(endpoints.get(path)!, 'multipart/form-data; boundary=x', Buffer.from('--y\r\n\r\n'))
    await expect(broken).rejects.toMatchObject({ code: 'invalid', param: null })
  })
})
