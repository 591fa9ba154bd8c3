/** Requests with a name: one runs, the rest are answered from it, and what is not kept is never made up. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { AnswerSink } from '../../src/api/answer-sink.ts'
import { ApiError, WorkerReportedError } from '../../src/api/errors.ts'
import { Replays } from '../../src/api/replays.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { FakeSink } from './support/fake-sink.ts'

let clock: ManualClock
let replays: Replays
let runs: number
const minute = 60_000

beforeEach(() => {
  clock = new ManualClock(1_000)
  replays = new Replays({ clock, memoryBytes: 20_000, keepMs: 10 * minute, lingerMs: 5_000 })
  runs = 0
})

const named = (name = 'n', fingerprint = 'f') => ({ name, fingerprint, sink: new FakeSink() })

/** A run that a test ends by hand. */
function pausedRun() {
  const { promise, resolve } = Promise.withResolvers<void>()
  let to: AnswerSink | undefined
  return {
    run: async (sink: AnswerSink, used: () => void) => {
      runs++
      to = sink
      await promise
      used()
      sink.head(200, { 'x-chrysalis-receipt': 'rid' })
      sink.end(Buffer.from('answer'))
    },
    finish: resolve,
    sink: () => to!,
  }
}

const answering =
  (text = 'answer') =>
  async (sink: AnswerSink, used: () => void) => {
    runs++
    used()
    sink.head(200, { 'x-chrysalis-receipt': `rid ${runs}` })
    sink.end(Buffer.from(text))
  }

const failing = (error: Error, charged: boolean) => async (_: AnswerSink, used: () => void) => {
  runs++
  if (charged) used()
  throw error
}

describe('the same request again', () => {
  test('while it runs waits for it, and both get one answer', async () => {
    const paused = pausedRun()
    const [first, second] = [named(), named()]
    const served = [replays.serve(first, paused.run), replays.serve(second, paused.run)]
    paused.finish()
    expect(await Promise.all(served)).toEqual(['ran', 'replayed'])
    expect(runs).toBe(1)
    expect(first.sink).toMatchObject({ text: 'answer', ended: 'whole', headers: { 'x-chrysalis-receipt': 'rid' } })
    expect(first.sink.headers).not.toHaveProperty('x-chrysalis-idempotent-replay')
    expect(second.sink).toMatchObject({ text: 'answer', ended: 'whole', headers: { 'x-chrysalis-idempotent-replay': 'true' } })
  })

  test('within ten minutes gets what was recorded, and runs anew after them', async () => {
    await replays.serve(named(), answering())
    await clock.advance(10 * minute - 1)
    const second = named()
    expect(await replays.serve(second, answering())).toBe('replayed')
    expect(second.sink).toMatchObject({
      status: 200,
      text: 'answer',
      headers: { 'x-chrysalis-receipt': 'rid 1', 'x-chrysalis-idempotent-replay': 'true' },
    })
    await clock.advance(1)
    expect(await replays.serve(named(), answering())).toBe('ran')
    expect(runs).toBe(2)
  })

  test('with another body is refused, running or not', async () => {
    const paused = pausedRun()
    const first = replays.serve(named(), paused.run)
    await expect(replays.serve(named('n', 'other'), answering())).rejects.toMatchObject({ code: 'idempotency_key_reused', status: 422 })
    paused.finish()
    await first
    await expect(replays.serve(named('n', 'other'), answering())).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    expect(await replays.serve(named('m', 'other'), answering())).toBe('ran')
  })
})

describe('a failure', () => {
  test('before any charge is told to all who wait, and is not kept', async () => {
    const error = new ApiError('no_attested_worker', 'none')
    const { promise, reject } = Promise.withResolvers<void>()
    const both = [replays.serve(named(), () => promise), replays.serve(named(), () => promise)]
    reject(error)
    for (const outcome of await Promise.allSettled(both)) expect(outcome).toMatchObject({ status: 'rejected', reason: error })
    expect(await replays.serve(named(), answering())).toBe('ran')
  })

  test('that was charged is kept, and no client is to try it again', async () => {
    const error = new WorkerReportedError(500, { message: 'broke', type: 'server_error', param: null, code: null })
    await expect(replays.serve(named(), failing(error, true))).rejects.toMatchObject({
      status: 500,
      headers: { 'x-should-retry': 'false' },
    })
    const again = replays.serve(named(), answering())
    await expect(again).rejects.toMatchObject({
      status: 500,
      body: error.body,
      headers: { 'x-should-retry': 'false', 'x-chrysalis-idempotent-replay': 'true' },
    })
    await expect(again).rejects.toBeInstanceOf(WorkerReportedError)
    expect(runs).toBe(1)
  })
})

describe('a caller that leaves', () => {
  test('finds its answer when it comes back in time', async () => {
    const paused = pausedRun()
    const first = named()
    const serving = replays.serve(first, paused.run)
    first.sink.leave()
    await clock.advance(4_000)
    const second = named()
    const again = replays.serve(second, answering())
    await clock.advance(60_000)
    expect(paused.sink().gone).toBe(false)
    paused.finish()
    expect(await Promise.all([serving, again])).toEqual(['ran', 'replayed'])
    expect(second.sink).toMatchObject({ text: 'answer', ended: 'whole' })
  })

  test('has its request given up when it does not, and what was made is not handed out as an answer', async () => {
    const paused = pausedRun()
    const first = named()
    const serving = replays.serve(first, paused.run)
    first.sink.leave()
    await clock.advance(5_000)
    expect(paused.sink().gone).toBe(true)
    paused.finish()
    await serving
    expect(await replays.serve(named(), answering('anew'))).toBe('ran')
    expect(runs).toBe(2)
  })
})

describe('memory', () => {
  test('is bounded: the oldest answers go first', async () => {
    for (const name of ['a', 'b', 'c']) await replays.serve(named(name), answering('x'.repeat(5_000)))
    expect(replays.size.bytes).toBeLessThanOrEqual(20_000)
    expect(replays.size.requests).toBe(2)
    expect(await replays.serve(named('c'), answering())).toBe('replayed')
    expect(await replays.serve(named('a'), answering())).toBe('ran')
  })

  test('has no room for an answer beyond all of it, which is passed on and not kept', async () => {
    const first = named()
    await replays.serve(first, answering('x'.repeat(30_000)))
    expect(first.sink).toMatchObject({ ended: 'whole' })
    expect(first.sink.text.length).toBe(30_000)
    expect(replays.size).toEqual({ bytes: 0, requests: 0 })
    expect(await replays.serve(named(), answering())).toBe('ran')
  })

  test('that one answer was too large for is not taken from the next of the same name', async () => {
    const first = pausedRun()
    const large = replays.serve(named(), async (sink, used) => {
      sink.head(200, {})
      sink.write(Buffer.from('x'.repeat(30_000)))
      await first.run(new FakeSink(), used)
      sink.end()
    })
    const second = pausedRun()
    const next = replays.serve(named(), second.run)
    first.finish()
    expect(await large).toBe('ran')
    const third = named()
    const joined = replays.serve(third, answering('anew'))
    second.finish()
    expect(await Promise.all([next, joined])).toEqual(['ran', 'replayed'])
    expect(third.sink.text).toBe('answer')
    await clock.advance(10 * minute)
    expect(replays.size).toEqual({ bytes: 0, requests: 0 })
  })

  test('is never taken from an answer that is being made', async () => {
    const first = pausedRun()
    const running = replays.serve(named('a'), first.run)
    const large = named('b')
    await replays.serve(large, answering('x'.repeat(30_000)))
    expect(large.sink).toMatchObject({ ended: 'whole' })
    const again = named('a')
    const joined = replays.serve(again, answering('anew'))
    first.finish()
    expect(await Promise.all([running, joined])).toEqual(['ran', 'replayed'])
    expect(again.sink.text).toBe('answer')
  })

  test('is free again when everything has expired', async () => {
    for (let count = 0; count < 50; count++) await replays.serve(named(`n${count}`), answering())
    await clock.advance(10 * minute)
    expect(replays.size).toEqual({ bytes: 0, requests: 0 })
  })

  test('of nothing keeps nothing, and still joins what runs', async () => {
    replays = new Replays({ clock, memoryBytes: 0, keepMs: minute, lingerMs: 0 })
    const paused = pausedRun()
    const second = named()
    const both = [replays.serve(named(), paused.run), replays.serve(second, paused.run)]
    paused.finish()
    expect(await Promise.all(both)).toEqual(['ran', 'replayed'])
    expect(second.sink.text).toBe('answer')
    expect(replays.size).toEqual({ bytes: 0, requests: 0 })
  })
})
