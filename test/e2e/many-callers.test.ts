/** Many streams at once, and callers that go away: nothing crosses, nothing is lost, nothing runs on. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Deployment, deploy } from '../support/deployment.ts'
import { leave, median } from '../support/leaving.ts'
import { manyStreams, residentMegabytes } from '../support/many-streams.ts'
import { sample, sampleRequests } from '../support/requests.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let deployment: Deployment

/** Little room for garbage: what grows is then what is kept. */
const smallHeap = '--max-old-space-size=96 --max-semi-space-size=4'

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  vi.stubEnv('NODE_OPTIONS', smallHeap)
  // A caller's going is what ends a request here, never a time-out.
  deployment = await deploy({ engines: [engine.url], worker: { limits: { engine_first_byte_ms: 60_000, engine_idle_ms: 60_000 } } })
  vi.unstubAllEnvs()
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

describe('256 streams at once', () => {
  const load = () => manyStreams({ deployment, engine, streams: 256, tokens: 20 })

  test('each get what is theirs, whole and in order, and leave no memory behind', async () => {
    // The first rounds fill pools and caches.
    expect(await load()).toEqual([])
    expect(await load()).toEqual([])
    const pids = [deployment.proxy.pid, deployment.workers.get('worker-1')!.pid]
    const before = pids.map(residentMegabytes)
    for (let round = 0; round < 3; round++) expect(await load()).toEqual([])
    const grown = pids.map((pid, index) => residentMegabytes(pid) - before[index]!)
    // All streams of the three rounds together carried some 10 MB through each process. bench/streams.ts has the long run.
    for (const megabytes of grown) expect(megabytes).toBeLessThan(20)
    expect((await deployment.idle()).reserved).toBe(0n)
  }, 60_000)
})

describe('a caller who goes away', () => {
  test('is noticed by the engine 100 times of 100, within a stream', async () => {
    const times = await leave({ deployment, engine, request: sample('/v1/chat/completions', true), when: 'within', count: 100 })
    expect(times.length).toBe(100)
    // A figure for a busy machine; bench/leaving.ts has the real one.
    expect(median(times)).toBeLessThan(250)
    expect((await deployment.idle()).reserved).toBe(0n)
  })

  test('is noticed by an engine that floods the line with tiny pieces, before it has made many more', async () => {
    const before = engine.requests.length
    const times = await leave({ deployment, engine, request: sample('/v1/audio/speech', true), when: 'in a flood', count: 20 })
    expect(median(times)).toBeLessThan(250)
    // It is about as many as it had made by then; with a frame for each piece it was tens of thousands more.
    expect(median(engine.requests.slice(before).map(request => request.made))).toBeLessThan(20_000)
    expect((await deployment.idle()).reserved).toBe(0n)
  })

  test.each(sampleRequests)('is noticed at $path (stream: $stream), before the answer and within it', async request => {
    for (const when of ['before', 'within'] as const) {
      const times = await leave({ deployment, engine, request, when, count: 5 })
      expect(median(times)).toBeLessThan(250)
    }
    expect((await deployment.idle()).reserved).toBe(0n)
  })
})
