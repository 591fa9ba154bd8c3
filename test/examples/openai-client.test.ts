/** What a start-up has already: the stock OpenAI client, pointed at Chrysalis with nothing but a base URL and a key. */
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEngine } from '../../src/engine/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { type Deployment, deploy } from '../support/deployment.ts'

let engine: Awaited<ReturnType<typeof startEngine>>
let deployment: Deployment
let client: OpenAI
const model = 'chrysalis-tiny'

beforeAll(async () => {
  const modelFile = fileURLToPath(new URL('../../models/tiny/chrysalis-tiny-q8_0.gguf', import.meta.url))
  engine = await startEngine({ modelFile, host: '127.0.0.1', port: 0, logger: silentLogger })
  deployment = await deploy({ engines: [engine.url] })
  client = new OpenAI({ baseURL: `${deployment.origin}/v1`, apiKey: deployment.apiKey, maxRetries: 0 })
})
afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

describe('the stock OpenAI client', () => {
  test('lists models and asks a question', async () => {
    expect((await client.models.list()).data.map(served => served.id)).toEqual([model])
    expect((await client.models.retrieve(model)).id).toBe(model)
    const answer = await client.chat.completions.create({
      model,
      temperature: 0,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
    })
    expect(answer.choices[0]!.message.content).toBe('The capital of France is Paris.')
    expect(answer.usage).toMatchObject({ prompt_tokens: 18, completion_tokens: 11, cost: '1020' })
  })

  test('streams, with usage only where it asks for it', async () => {
    for (const include_usage of [true, false]) {
      const stream = await client.chat.completions.create({
        model,
        temperature: 0,
        stream: true,
        ...(include_usage ? { stream_options: { include_usage } } : {}),
        messages: [{ role: 'user', content: 'Count from 1 to 5.' }],
      })
      let text = ''
      const usages: unknown[] = []
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? ''
        if (chunk.usage) usages.push(chunk.usage)
      }
      expect(text).toBe('1, 2, 3, 4, 5.')
      expect(usages.length).toBe(include_usage ? 1 : 0)
      if (include_usage) expect(usages[0]).toMatchObject({ completion_tokens: 14, cost: expect.stringMatching(/^[0-9]+$/) })
    }
  })

  test('calls a tool', async () => {
    const tools: OpenAI.ChatCompletionTool[] = [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'Get the weather in a city',
          parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
      },
    ]
    const answer = await client.chat.completions.create({
      model,
      temperature: 0,
      tools,
      messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
    })
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'get_weather', arguments: '{"city":"Paris"}' } }] },
    })
  })

  test('throws its own errors, with code and request id', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'hi' }]
    await expect(new OpenAI({ baseURL: client.baseURL, apiKey: 'sk-wrong', maxRetries: 0 }).models.list()).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    )
    await expect(client.chat.completions.create({ model: 'gpt-9', messages })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
      requestID: expect.stringMatching(/^req_/),
    })
    await expect(client.chat.completions.create({ model, messages: [] })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    await expect(
      client.chat.completions.create({ model, messages: [{ role: 'user', content: 'x '.repeat(3_000) }] }),
    ).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' })
  })

  test('a charge can be checked from its bytes: receipt, key, keyset, quote', async () => {
    const { data, response } = await client.chat.completions
      .create({ model, temperature: 0, messages: [{ role: 'user', content: 'Hello' }] })
      .withResponse()
    const { receipt, cost } = (await (await deployment.get(`/v1/receipts/${response.headers.get('x-chrysalis-receipt')}`)).json()) as {
      receipt: string
      cost: string
    }
    expect((data.usage as unknown as { cost: string }).cost).toBe(cost)
    const nonce = randomBytes(32).toString('hex')
    const document = (await (await deployment.get(`/v1/attestation?worker=worker-1&nonce=${nonce}`)).json()) as { keyset: string }
    const keyset = JSON.parse(Buffer.from(document.keyset, 'base64').toString('utf8')) as { receipt: { public_key: string } }
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(keyset.receipt.public_key, 'base64')]),
      format: 'der',
      type: 'spki',
    })
    const payload = Buffer.from(receipt, 'base64')
    const json = payload.subarray(2, 2 + payload.readUInt16BE(0))
    expect(verify(null, Buffer.concat([Buffer.from('chrysalis receipt v1'), json]), key, payload.subarray(2 + json.length))).toBe(true)
    expect(JSON.parse(json.toString('utf8'))).toMatchObject({
      cost,
      usage: { prompt: data.usage!.prompt_tokens, completion: data.usage!.completion_tokens },
      channel: deployment.channel,
    })
  })
})
