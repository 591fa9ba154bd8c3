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

test('a worker with the built-in model answers, counts exactly, and is stopped by a cancel', async () => {
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
  const question = (content: string, more: object = {}) => ({
    model: model.id,
    temperature: 0,
    max_tokens: 200,
    messages: [{ role: 'user', content }],
    ...more,
  })

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
