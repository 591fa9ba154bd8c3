import { describe, expect, test } from 'vitest'
import { ManualClock } from '../support/manual-clock.ts'
import type { EngineMode } from '../support/scripted-engine.ts'
import { chat, costAt, setUp } from './fixture.ts'

/** What the caller sees of a hostile engine: an error with its status and code, or a finish; and what is charged for it. */
interface Seen {
  readonly mode: EngineMode
  readonly finish: string
  readonly error?: { status: number; code: string | null }
  readonly usage: [prompt: number, completion: number]
}

const engineFailed = { status: 502, code: 'engine_failed' }
const nothing: [number, number] = [0, 0]

const streamed: Seen[] = [
  { mode: 'hang-before-head', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'hang-in-answer', finish: 'error', error: engineFailed, usage: [12, 3] },
  { mode: 'half-answer', finish: 'error', error: engineFailed, usage: [12, 3] },
  { mode: 'close-before-done', finish: 'error', error: engineFailed, usage: [12, 6] },
  { mode: 'error-in-stream', finish: 'error', error: engineFailed, usage: [12, 3] },
  { mode: 'linger-after-done', finish: 'stop', usage: [12, 6] },
  { mode: 'html', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'garbage', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'wrong-json', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'huge-line', finish: 'error', error: engineFailed, usage: [12, 0] },
  { mode: 'status-400', finish: 'error', error: { status: 400, code: null }, usage: nothing },
  { mode: 'status-404-html', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'status-429', finish: 'error', error: { status: 429, code: 'rate_limit_exceeded' }, usage: nothing },
  { mode: 'status-500', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'refuse-connection', finish: 'error', error: engineFailed, usage: nothing },
  // The prompt’s bytes and its template bound the prompt (filled in below); text, pieces and eight tokens more bound the answer.
  { mode: 'usage-too-high', finish: 'stop', usage: [0, 31 + 6 + 8] },
  { mode: 'usage-too-low', finish: 'stop', usage: [1, 6] },
  { mode: 'usage-negative', finish: 'stop', usage: [1, 6] },
  { mode: 'usage-missing', finish: 'stop', usage: [1, 6] },
]

const whole: Seen[] = [
  ...streamed
    .filter(seen => !['linger-after-done', 'close-before-done'].includes(seen.mode) && !seen.mode.startsWith('usage'))
    .map(seen => ({ ...seen, usage: nothing })),
  { mode: 'close-before-done', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'endless', finish: 'error', error: engineFailed, usage: nothing },
  { mode: 'usage-too-high', finish: 'stop', usage: [0, 31 + 8] },
  { mode: 'usage-too-low', finish: 'stop', usage: [1, 0] },
  { mode: 'usage-negative', finish: 'stop', usage: [1, 4] },
  { mode: 'usage-missing', finish: 'stop', usage: [1, 4] },
]

async function check(seen: Seen, stream: boolean): Promise<void> {
  const clock = new ManualClock(Date.now())
  const { client, engine } = await setUp({ mode: 'good' }, { clock })
  const body = chat({ stream })
  engine.mode = seen.mode
  const call = client.send(body)
  if (seen.mode.startsWith('hang')) {
    await engine.asked()
    if (stream && seen.mode === 'hang-in-answer') await call.until(({ said }) => said === engine.tokens.slice(0, 3).join(''))
    await clock.until(call.ended)
  }
  await call.ended
  const promptMost = Buffer.byteLength(JSON.stringify(body)) + 64
  expect(call.defect).toBeUndefined()
  expect(call.finish).toBe(seen.finish)
  if (seen.error) {
    expect(call.error).toMatchObject({
      status: seen.error.status,
      error: { code: seen.error.code, message: expect.any(String), type: expect.any(String) },
    })
    expect(Object.keys(call.error!.error).sort()).toEqual(['code', 'message', 'param', 'type'])
    expect(call.doneCount).toBe(0)
    if (seen.error === engineFailed) expect(JSON.stringify(call.error)).not.toContain('SECRET')
  } else if (stream) {
    expect(call).toMatchObject({ doneCount: 1, said: engine.text })
  }
  const [prompt, completion] = seen.usage
  const usage = { prompt: seen.mode === 'usage-too-high' ? promptMost : prompt, cached: 0, completion, reasoning: 0 }
  expect(call.receipt).toMatchObject({ usage, cost: costAt(usage), finish: seen.finish })
  // The agent lives, and its next answer is good.
  engine.mode = 'good'
  expect(await client.ask(body)).toMatchObject({ finish: 'stop', defect: undefined })
}

describe('in front of a hostile engine, a stream', () => {
  test.each(streamed)('of mode $mode ends by $finish', seen => check(seen, true))
})

describe('in front of a hostile engine, an answer in one piece', () => {
  test.each(whole)('of mode $mode ends by $finish', seen => check(seen, false))
})

test('the words of an engine’s 400 reach the caller, sealed, and no log', async () => {
  const lines: string[] = []
  const { default: pino } = await import('pino')
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const { client } = await setUp({ mode: 'status-400' }, { logger })
  const call = await client.ask(chat({ messages: [{ role: 'user', content: 'CANARY-PROMPT' }] }))
  expect(call.error).toEqual({
    status: 400,
    error: { message: 'This model does not like your prompt: TOP SECRET', type: 'invalid_request_error', param: 'messages', code: null },
  })
  await expect.poll(() => lines.filter(line => line.includes('"request"')).length).toBe(1)
  expect(lines.join('')).not.toMatch(/CANARY|SECRET/)
})

test('an endless stream ends at the limit that was asked for', async () => {
  const { client, engine } = await setUp({ mode: 'endless' })
  const call = await client.ask(chat({ stream: true, max_tokens: 20 }))
  expect(call).toMatchObject({
    finish: 'length',
    doneCount: 1,
    defect: undefined,
    receipt: { usage: { prompt: 12, cached: 0, completion: 20, reasoning: 0 } },
  })
  expect(call.chunks.at(-1)).toMatchObject({ choices: [{ index: 0, finish_reason: 'length' }] })
  await engine.requests[0]!.closed
})

test('an endless stream that is free ends where the context ends', async () => {
  const free = { prompt: '0', cached: '0', completion: '0', reasoning: '0' }
  const { client } = await setUp({ mode: 'endless', models: [{ id: 'scripted', context_length: 256 }] }, { offer: () => free })
  client.price = free
  const call = await client.ask(chat({ stream: true }), { context: { cap: '0' } })
  expect(call).toMatchObject({ finish: 'length', receipt: { usage: { completion: 256 }, cost: '0' } })
})
