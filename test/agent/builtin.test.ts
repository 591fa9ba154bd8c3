import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { startWorker } from '../../src/worker.ts'
import { workerSchema } from '../../src/worker-config.ts'
import { SealingClient } from '../support/sealing-client.ts'
import { offer } from './fixture.ts'

type Members = Record<string, unknown>

/** A worker with the built-in model and a client before it; both end with the test. */
async function setUp() {
  const directory = await mkdtemp(join(tmpdir(), 'worker-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await SoftwareQuotingAuthority.create({ now: Date.now() }).save(directory)
  const config = {
    role: 'worker',
    id: 'worker-1',
    log_level: 'silent',
    listen: { host: '127.0.0.1', port: 0 },
    engine: { builtin: { model: resolve(import.meta.dirname, '../../models/tiny/chrysalis-tiny-q8_0.gguf') } },
    offer: { default: offer },
    tee: { type: 'software', directory, simulated: true },
  }
  const worker = await startWorker(parseConfig(config, workerSchema, 'worker.yaml'))
  onTestFinished(() => worker.stop())
  const model = worker.agent.models[0]!
  expect(model.weights_digest).toMatch(/^sha256:/)
  const client = await SealingClient.of(worker.agent.url)
  const context = { model: model.id, weights: model.weights_digest }
  const question = (content: string, more: Members = {}): Members => ({
    model: model.id,
    temperature: 0,
    max_tokens: 200,
    messages: [{ role: 'user', content }],
    ...more,
  })
  return { client, context, question }
}

test('a worker with the built-in model answers, counts exactly, and is stopped by a cancel', async () => {
  const { client, context, question } = await setUp()
  const whole = await client.ask(question('Count from 1 to 9.'), { context })
  expect(whole).toMatchObject({ finish: 'stop', defect: undefined })
  const streamed = await client.ask(question('Count from 1 to 9.', { stream: true }), { context })
  expect(streamed).toMatchObject({ finish: 'stop', defect: undefined, doneCount: 1 })
  expect(streamed.said).toContain('1, 2, 3, 4, 5, 6, 7, 8, 9')
  expect((JSON.parse(whole.text) as { choices: { message: { content: string } }[] }).choices[0]!.message.content).toBe(streamed.said)
  const total = (call: typeof whole) => call.receipt!.usage.prompt + call.receipt!.usage.cached
  expect(total(streamed)).toBe(total(whole))
  expect(streamed.receipt!.usage.completion).toBe(whole.receipt!.usage.completion)

  const story = client.send(question('Tell me a story.', { stream: true }), { context })
  await story.until(({ chunks }) => chunks.length > 4)
  await client.cancel(story.sealed.rid)
  await story.ended
  expect(story).toMatchObject({ finish: 'cancelled', defect: undefined })
  expect(story.receipt!.usage.completion).toBeLessThan(200)
})

interface Choice {
  index: number
  message: { content: string | null; tool_calls?: { function: { name: string; arguments: string } }[] }
  logprobs: { content: { token: string }[] } | null
  finish_reason: string
}
interface Answer {
  choices: Choice[]
  usage: { prompt_tokens: number; completion_tokens: number }
}

test('what steers a chat reaches the built-in model, is followed, and is counted to the token', async () => {
  const { client, context, question } = await setUp()
  const tool = { type: 'function', function: { name: 'look_up', parameters: { type: 'object', properties: { word: { type: 'string' } } } } }
  const schema = { type: 'object', properties: { capital: { enum: ['Paris', 'Rome'] } }, additionalProperties: false }
  const json = { type: 'json_schema', json_schema: { name: 'answer', schema } }
  const france = 'What is the capital of France?'
  const cases: [members: Members, content: string, check: (choices: Choice[], answer: Answer) => void][] = [
    [{ tools: [tool], tool_choice: 'required' }, france, ([only]) => expect(only!.message.tool_calls![0]!.function.name).toBe('look_up')],
    [{ tools: [tool], tool_choice: 'none' }, france, ([only]) => expect(only!.message.content).toContain('Paris')],
    [{ response_format: json }, france, ([only]) => expect(JSON.parse(only!.message.content!)).toHaveProperty('capital')],
    [{ response_format: { type: 'text' } }, france, ([only]) => expect(only!.message.content).toBe('The capital of France is Paris.')],
    [{ n: 3, temperature: 1, seed: 4 }, 'Tell me a story.', choices => expect(choices.map(({ index }) => index)).toEqual([0, 1, 2])],
    [
      { logprobs: true, top_logprobs: 2 },
      france,
      ([only], { usage }) => expect(only!.logprobs!.content).toHaveLength(usage.completion_tokens),
    ],
    [{ stop: ['5, 6'] }, 'Count from 1 to 9.', ([only]) => expect(only!.message.content).toBe('1, 2, 3, 4, ')],
    [{ logit_bias: { 478: -100 } }, france, ([only]) => expect(only!.message.content).not.toContain(' P')],
    [{ max_completion_tokens: 3, max_tokens: 9 }, france, (_, { usage }) => expect(usage.completion_tokens).toBe(3)],
    [{ user: 'u', metadata: { a: 'b' }, x: [1], cache_salt: 'mine' }, france, ([only]) => expect(only!.finish_reason).toBe('stop')],
  ]
  for (const [members, content, check] of cases) {
    const whole = await client.ask(question(content, members), { context })
    expect(whole, JSON.stringify(members)).toMatchObject({ status: 200, defect: undefined })
    const answer = JSON.parse(whole.text) as Answer
    check(answer.choices, answer)
    const streamed = await client.ask(question(content, { ...members, stream: true }), { context })
    for (const { receipt } of [whole, streamed]) {
      expect(receipt!.usage.prompt + receipt!.usage.cached).toBe(answer.usage.prompt_tokens)
      expect(receipt!.usage.completion).toBe(answer.usage.completion_tokens)
    }
  }
})

test.each<[string, Members]>([
  ['reasoning_effort', { reasoning_effort: 'high' }],
  ['function_call', { functions: [], function_call: 'auto' }],
  ['messages.0.content.0.type', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }],
  ['guided_json', { guided_json: { type: 'object' } }],
])('what the built-in model cannot follow comes back as its refusal, free: %s', async (param, members) => {
  const { client, context, question } = await setUp()
  const { error, receipt } = await client.ask(question('Hello', members), { context })
  expect(error).toMatchObject({ status: 400, error: { type: 'invalid_request_error', param, message: expect.stringContaining(param) } })
  expect(receipt?.cost).toBe('0')
})

test('a cap below the caller’s limit ends the built-in model’s answer, at the last token that it pays for', async () => {
  const { client, context, question } = await setUp()
  const body = question('Count from 1 to 9.')
  const promptMost = Buffer.byteLength(JSON.stringify(body)) + 64
  // A token of the prompt at 1 nanoTON, of the answer at 3: ten of these after the largest prompt.
  const call = await client.ask(body, { context: { ...context, cap: String(promptMost + 30) } })
  expect(call).toMatchObject({ finish: 'budget', defect: undefined, receipt: { usage: { completion: 10 } } })
  expect((JSON.parse(call.text) as Answer).choices[0]!.finish_reason).toBe('length')
})
