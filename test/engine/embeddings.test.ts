/** `POST /v1/embeddings` with the real model, over a real loopback socket. */
import { describe, expect, test } from 'vitest'
import { Endpoint } from './support.ts'

interface Embeddings {
  object: string
  model: string
  data: { object: string; index: number; embedding: number[] }[]
  usage: object
}

const embeddings = new Endpoint<Embeddings, never>('/v1/embeddings')
const vectors = async (body: object) => (await embeddings.ask(body)).data.map(({ embedding }) => embedding)
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)

describe('an embedding', () => {
  test('is a vector of length 1, in OpenAI’s form, the same each time', async () => {
    const answer = await embeddings.ask({ input: 'Hello', user: 'anybody' })
    expect(answer).toMatchObject({ object: 'list', model: 'chrysalis-tiny', data: [{ object: 'embedding', index: 0 }] })
    expect(answer.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 })
    const { embedding } = answer.data[0]!
    expect(embedding).toHaveLength(256)
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 6)
    await embeddings.ask({ input: 'What is the capital of France?' })
    expect(await vectors({ input: 'Hello' })).toEqual([embedding])
  })

  test('is made for each text, in order, and near to those of like texts', async () => {
    const input = ['What is the capital of France?', 'What is the capital of Italy?', 'Count from 1 to 9.']
    const answer = await embeddings.ask({ input })
    expect(answer.data.map(({ index }) => index)).toEqual([0, 1, 2])
    const [france, italy, counting] = answer.data.map(({ embedding }) => embedding) as [number[], number[], number[]]
    expect(dot(france, italy)).toBeGreaterThan(dot(france, counting) + 0.2)
    expect(await vectors({ input: input[1] })).toEqual([italy])
    expect(answer.usage).toEqual({ prompt_tokens: 30, total_tokens: 30 })
  })

  test('reads tokens, one text or several', async () => {
    const one = await embeddings.ask({ input: [404, 478] })
    // The model's beginning of a text is evaluated, so that it counts.
    expect(one.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 })
    expect(await vectors({ input: [[1, 404, 478], [478]] })).toEqual([one.data[0]!.embedding, expect.any(Array)])
  })

  test('comes as little-endian single floats in base64', async () => {
    const [embedding] = await vectors({ input: 'Hello', encoding_format: 'float' })
    const answer = await embeddings.ask({ input: 'Hello', encoding_format: 'base64' })
    const bytes = Buffer.from(String(answer.data[0]!.embedding), 'base64')
    expect(Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4))).toEqual(embedding)
  })

  test('is cut to fewer dimensions and brought to length 1 again', async () => {
    const [whole] = await vectors({ input: 'Hello', dimensions: 256 })
    const [cut] = await vectors({ input: 'Hello', dimensions: 10 })
    expect(cut).toHaveLength(10)
    expect(Math.hypot(...cut!)).toBeCloseTo(1, 6)
    const length = Math.hypot(...whole!.slice(0, 10))
    for (const [index, value] of cut!.entries()) expect(value).toBeCloseTo(whole![index]! / length, 5)
  })

  test('may be of a text as long as the context', async () => {
    expect((await embeddings.ask({ input: Array.from({ length: 1023 }, () => 404) })).usage).toEqual({
      prompt_tokens: 1024,
      total_tokens: 1024,
    })
    await embeddings.refused({ input: Array.from({ length: 1024 }, () => 404) }, 'input', 'context_length_exceeded')
    await embeddings.refused({ input: ['x', 'x '.repeat(3_000)] }, 'input.1', 'context_length_exceeded')
  })

  test.each([
    ['no input', {}, 'input'],
    ['an empty text', { input: '' }, 'input'],
    ['an empty text among others', { input: ['x', ''] }, 'input.1'],
    ['no texts', { input: [] }, 'input'],
    ['texts of two kinds', { input: ['x', [5]] }, 'input.1'],
    ['an object', { input: { text: 'x' } }, 'input'],
    ['2049 texts', { input: Array.from({ length: 2049 }, () => 'x') }, 'input'],
    ['a half token', { input: [1.5] }, 'input'],
    ['a token of another model', { input: [[5], [1536]] }, 'input.1'],
    ['more dimensions than there are', { input: 'x', dimensions: 257 }, 'dimensions'],
    ['no dimensions', { input: 'x', dimensions: 0 }, 'dimensions'],
    ['another encoding', { input: 'x', encoding_format: 'hex' }, 'encoding_format'],
    ['a cut of its text', { input: 'x', truncate_prompt_tokens: 5 }, 'truncate_prompt_tokens'],
    ['no model', { input: 'x', model: undefined }, 'model'],
  ])('%s is refused', async (_, body, param) => {
    await embeddings.refused(body, param)
  })

  test('another model is a 404', async () => {
    expect((await embeddings.post({ model: 'gpt-9', input: 'x' })).status).toBe(404)
  })

  test('stops at once when its caller leaves, in the middle of a text, and serves the next', async () => {
    const [before] = await vectors({ input: 'Hello' })
    expect(await embeddings.abandon({ input: Array.from({ length: 200 }, () => 'x '.repeat(500)) })).toBeLessThan(500)
    expect(await vectors({ input: 'Hello' })).toEqual([before])
  })

  test('waits for its turn among others, and loses it when its caller leaves', async () => {
    const others = Promise.all(Array.from({ length: 8 }, () => vectors({ input: ['What is TDX?', 'Hello'] })))
    await embeddings.abandon({ input: Array.from({ length: 200 }, () => 'x '.repeat(500)) })
    expect(new Set((await others).map(pair => JSON.stringify(pair))).size).toBe(1)
  })
})
