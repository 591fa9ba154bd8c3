import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../support/manual-clock.ts'
import { chat, costAt, limits, setUp } from './fixture.ts'

describe('when the line is lost', () => {
  test.each(['hang-in-answer', 'paced', 'hang-before-head'] as const)('the engine (%s) is left within 50 ms', async mode => {
    const { client, engine } = await setUp({ mode, tokens: Array.from({ length: 1_000 }, () => 'x') })
    const call = client.send(chat({ stream: true }))
    const asked = await engine.asked()
    if (mode !== 'hang-before-head') await call.until(({ said }) => said.length >= 3)
    const cutAt = performance.now()
    call.cut()
    await asked.closed
    expect(asked.leftAt! - cutAt).toBeLessThan(50)
  })

  test('an answer in one piece is given up as well', async () => {
    const { client, engine } = await setUp({ mode: 'hang-before-head' })
    const call = client.send(chat())
    const asked = await engine.asked()
    const cutAt = performance.now()
    call.cut()
    await asked.closed
    expect(asked.leftAt! - cutAt).toBeLessThan(50)
  })
})

describe('a cancel', () => {
  test('stops the engine and ends with what was made, charged', async () => {
    const { client, engine } = await setUp({ mode: 'hang-in-answer' })
    const call = client.send(chat({ stream: true }))
    await call.until(({ said }) => said === 'Hello from the')
    const cancelledAt = performance.now()
    expect(await client.cancel(call.sealed.rid)).toBe(204)
    await engine.requests[0]!.closed
    expect(engine.requests[0]!.leftAt! - cancelledAt).toBeLessThan(50)
    await call.ended
    const usage = { prompt: 12, cached: 0, completion: 3, reasoning: 0 }
    expect(call).toMatchObject({
      finish: 'cancelled',
      defect: undefined,
      doneCount: 0,
      receipt: { usage, cost: costAt(usage), finish: 'cancelled' },
    })
  })

  test.each([true, false])('before anything has come costs nothing (stream: %s)', async stream => {
    const { client, engine } = await setUp({ mode: 'hang-before-head' })
    const call = client.send(chat({ stream }))
    await engine.asked()
    expect(await client.cancel(call.sealed.rid)).toBe(204)
    await call.ended
    expect(call).toMatchObject({ order: ['head', 'final', 'receipt'], finish: 'cancelled', receipt: { cost: '0' } })
  })

  test('of a request that does not run is 404', async () => {
    const { client } = await setUp()
    const call = await client.ask(chat())
    expect(await client.cancel(call.sealed.rid)).toBe(404)
    expect(await client.cancel('nonsense')).toBe(404)
  })
})

describe('a slow reader', () => {
  const text = 'x'.repeat(10_000)

  test('slows the engine and not the memory, and gets everything in the end', async () => {
    // Far more than the sockets of the way can hold.
    const tokens = Array.from({ length: 3_000 }, () => text)
    const clock = new ManualClock(Date.now())
    const patient = { engine: { ...limits.engine, totalMs: 3_600_000, answerBytes: 64 * 1024 * 1024 }, stallMs: 3_600_000 }
    const { client, engine } = await setUp({ tokens }, { clock, limits: patient })
    const call = client.send(chat({ stream: true }))
    await call.until(({ said }) => said.length > 0)
    call.pause()
    await expect
      .poll(
        async () => {
          const before = engine.requests[0]!.written
          await delay(300)
          return engine.requests[0]!.written - before
        },
        { timeout: 5_000 },
      )
      .toBe(0)
    // Time in which we asked the engine to wait is no silence of its own.
    await clock.advance(10 * limits.engine.idleMs)
    expect(engine.requests[0]!).toMatchObject({ leftAt: undefined })
    expect(engine.requests[0]!.written).toBeLessThan(tokens.length * text.length)
    call.resume()
    await call.ended
    expect(call).toMatchObject({ finish: 'stop', defect: undefined, doneCount: 1 })
    expect(call.said.length).toBe(tokens.length * text.length)
  })

  test('that takes nothing at all is cut off, and the engine is left', async () => {
    const clock = new ManualClock(Date.now())
    const patient = { ...limits.engine, idleMs: 1e9, totalMs: 1e9, answerBytes: 256 * 1024 * 1024 }
    const { client, engine } = await setUp({ mode: 'endless', tokens: [text] }, { clock, limits: { stallMs: 5_000, engine: patient } })
    const call = client.send(chat({ stream: true }), { context: { cap: '1000000000000' } })
    await call.until(({ said }) => said.length > 0)
    call.pause()
    await clock.until(engine.requests[0]!.closed)
    call.resume()
    await call.ended
    expect(call.defect).toBe('truncated')
    expect(call.checkpoints.length).toBeGreaterThan(0)
  })
})

test('a reader that never fetches an answer in one piece is cut off', async () => {
  const { client } = await setUp(
    { tokens: Array.from({ length: 1_000 }, () => 'x'.repeat(30_000)) },
    {
      limits: {
        stallMs: 150,
        engine: { ...limits.engine, answerBytes: 64 * 1024 * 1024 },
      },
    },
  )
  const call = client.send(chat())
  await call.until(({ status }) => status === 200)
  call.pause()
  await delay(600)
  call.resume()
  await call.ended
  expect(call.defect).toBe('truncated')
})

describe('the budget', () => {
  // At a million per million tokens the cap counts tokens: the body and the template bound the prompt.
  const price = { prompt: '1000000', cached: '1000000', completion: '1000000', reasoning: '1000000' }
  const bound = (body: object) => Buffer.byteLength(JSON.stringify(body)) + 64

  test('stops a stream before the next token could pass the cap', async () => {
    const { client, engine } = await setUp({ mode: 'endless', promptTokens: 100 }, { offer: () => price })
    client.price = price
    const body = chat({ stream: true, stream_options: { include_usage: true } })
    const cap = bound(body) + 20
    const call = await client.ask(body, { context: { cap: cap.toString() } })
    const usage = { prompt: 100, cached: 0, completion: cap - 100, reasoning: 0 }
    expect(call).toMatchObject({ finish: 'budget', doneCount: 1, defect: undefined, receipt: { usage, cost: cap.toString() } })
    expect(call.chunks.at(-2)).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: null })
    expect(call.chunks.at(-1)).toMatchObject({ usage: { completion_tokens: cap - 100, cost: cap.toString() } })
    await engine.requests[0]!.closed
    expect(engine.requests[0]!.leftAt).toBeDefined()
  })

  test('lowers the limit that the engine is asked for, and says budget where that limit ends the answer', async () => {
    const { client, engine } = await setUp({}, { offer: () => price })
    client.price = price
    const body = chat({ max_completion_tokens: 1_000 })
    const call = await client.ask(body, { context: { cap: (bound(body) + 20).toString() } })
    expect(engine.requests[0]!.body.max_completion_tokens).toBe(20)
    expect(engine.requests[0]!.body.max_tokens).toBeUndefined()
    expect(call.finish).toBe('stop')
  })

  test('never charges above the cap, however much an answer in one piece holds', async () => {
    const { client } = await setUp({ tokens: Array.from({ length: 500 }, () => ' word'), promptTokens: 50 }, { offer: () => price })
    client.price = price
    const body = chat()
    const cap = bound(body) + 20
    const call = await client.ask(body, { context: { cap: cap.toString() } })
    expect(call.receipt).toMatchObject({ usage: { prompt: 50, cached: 0, completion: cap - 50, reasoning: 0 }, cost: cap.toString() })
  })
})
