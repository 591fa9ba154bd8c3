/** What a stream says while its engine is silent. Time is moved by hand. */
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { ManualClock } from '../support/manual-clock.ts'
import { sample } from '../support/requests.ts'
import { event } from '../support/scripted/script.ts'
import type { SealedCall } from '../support/sealing-client.ts'
import { chat, everyUnit, sendAt, setUp as setUpAgent } from './fixture.ts'

const comment = ': keep-alive\n\n'
const comments = ({ text }: SealedCall) => text.split(comment).length - 1
const hour = 3_600_000
const limits = {
  engine: { connectMs: hour, firstByteMs: hour, idleMs: hour, totalMs: hour, answerBytes: 1024 * 1024 },
  requestMs: hour,
  stallMs: hour,
  modelsRefreshMs: hour,
  keepAliveMs: 15_000,
}

const chunk = (delta: object, finish: string | null = null) =>
  event({ id: 'a', object: 'chat.completion.chunk', created: 1, model: 'scripted', choices: [{ index: 0, delta, finish_reason: finish }] })

/** An engine that says what it is told when it is told, behind an agent whose clock stands still. */
async function setUp() {
  const clock = new ManualClock(Date.now())
  const answer = Promise.withResolvers<ServerResponse>()
  const custom = async (_: unknown, response: ServerResponse) => answer.resolve(response)
  const { client, engine } = await setUpAgent({ custom }, { clock, limits, offer: () => everyUnit })
  client.price = everyUnit
  return { clock, client, engine, answer: answer.promise }
}

test('comments fill each silence of the engine, and none comes before its head', async () => {
  const { clock, client, answer } = await setUp()
  const call = client.send(chat({ stream: true }))
  const engine = await answer
  await clock.advance(100_000)
  // A head of ours would have promised an answer that the engine may still refuse.
  expect(call).toMatchObject({ status: undefined, text: '' })

  engine.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ role: 'assistant', content: '' }))
  await call.until(({ text }) => text.includes('assistant'))
  expect(comments(call)).toBe(0)
  await clock.advance(14_999)
  engine.write(chunk({ content: 'one' }))
  await call.until(({ said }) => said === 'one')
  expect(comments(call)).toBe(0)

  await clock.advance(15_000)
  await call.until(() => comments(call) === 1)
  await clock.advance(45_000)
  await call.until(() => comments(call) === 4)

  // What comes in the middle of an event of the engine stands between two events of ours.
  const whole = chunk({ content: ' two' })
  engine.write(whole.slice(0, 30))
  await clock.advance(15_000)
  await call.until(() => comments(call) === 5)
  engine.write(whole.slice(30))
  await call.until(({ said }) => said === 'one two')

  engine.end(`${chunk({}, 'stop')}data: [DONE]\n\n`)
  await call.ended
  await clock.advance(60_000)
  expect(call).toMatchObject({ finish: 'stop', defect: undefined, doneCount: 1, said: 'one two', receipt: { usage: { completion: 2 } } })
  expect(comments(call)).toBe(5)
  expect(call.text.endsWith('data: [DONE]\n\n')).toBe(true)
})

test.each(['an engine that dies', 'a cancel'])('comments are no answer that is charged: %s', async what => {
  const { clock, client, answer } = await setUp()
  const call = client.send(chat({ stream: true }))
  const engine = await answer
  engine.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  while (comments(call) === 0) await clock.advance(15_000)
  if (what === 'a cancel') await client.cancel(call.sealed.rid)
  else engine.destroy()
  await call.ended
  expect(call).toMatchObject({ defect: undefined, receipt: { cost: '0', usage: { prompt: 0, completion: 0 } } })
  expect(call.receipt!.finish).toBe(what === 'a cancel' ? 'cancelled' : 'error')
})

test('comments of the engine are no answer: ours come all the same, and theirs do not', async () => {
  const { clock, client, answer } = await setUp()
  const call = client.send(chat({ stream: true }))
  const engine = await answer
  engine.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ content: 'one' }))
  await call.until(({ said }) => said === 'one')
  engine.write(': OPENROUTER PROCESSING\n\n')
  await clock.advance(15_000)
  await call.until(() => comments(call) === 1)
  engine.end(`${chunk({}, 'stop')}data: [DONE]\n\n`)
  await call.ended
  expect(call.text).not.toContain('PROCESSING')
})

test.each(['/v1/responses', '/v1/audio/transcriptions'])('typed events are kept alive as well: %s', async path => {
  const { clock, client, answer } = await setUp()
  const request = sample(path, true)
  const call = await sendAt(client, { ...request, body: request.body() })
  const engine = await answer
  const type = path.endsWith('responses') ? 'response.output_text.delta' : 'transcript.text.delta'
  const at = { item_id: 'a', output_index: 0, content_index: 0, logprobs: [], sequence_number: 1 }
  engine.writeHead(200, { 'content-type': 'text/event-stream' }).write(event({ type, delta: 'one', ...at }, type))
  await call.until(({ text }) => text.includes('one'))
  await clock.advance(30_000)
  await call.until(() => comments(call) === 2)
  engine.destroy()
  await call.ended
  expect(call.finish).toBe('error')
})

test.each([
  {
    what: 'an answer in one piece',
    path: '/v1/embeddings',
    type: 'application/json',
    parts: ['{"object":"list","model":"scripted","data":[{', '"object":"embedding","index":0,"embedding":[1]}]}'],
  },
  { what: 'sound', path: '/v1/audio/speech', type: 'audio/mpeg', parts: ['first ', 'second'] },
])('$what has no place for comments', async ({ path, type, parts }) => {
  const { clock, client, answer } = await setUp()
  const request = sample(path, path.endsWith('speech'))
  const call = await sendAt(client, { ...request, body: request.body() })
  const engine = await answer
  engine.writeHead(200, { 'content-type': type }).write(parts[0])
  await clock.advance(100_000)
  engine.end(parts[1])
  await call.ended
  expect(call).toMatchObject({ finish: 'stop', defect: undefined })
  expect(comments(call)).toBe(0)
  if (type === 'audio/mpeg') expect(call.text).toBe(parts.join(''))
})
