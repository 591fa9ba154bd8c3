/** What each aspect has to show over an engine that does what it is told, and echoes what it got. */
import { expect } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { Custom, EngineMode } from '../../support/scripted-engine.ts'
import { type Cell, fails, fairUsage, finished, inBetweenText, inMode, listsTheModels, plainText, question, succeed } from './asking.ts'
import type { Answer, Ask, Stream } from './client.ts'
import { type Aspect, builtinDoes, paths } from './matrix.ts'
import { models } from './world.ts'

/** A going away reaches the engine far sooner than this: bench/leaving.ts has the figures. */
const soonMs = 2_000
export const scriptedChecks: Readonly<Record<Exclude<Aspect, 'retries'>, (cell: Cell) => Promise<void>>> = {
  whole: wholeIsWhatTheEngineSaid,
  stream: streamIsNotHeldBack,
  tools: toolsTravelBothWays,
  structured: structuredOutputIsParsed,
  usage: usageIsTheEnginesAndTheCharge,
  abort: goingAwayReachesTheEngine,
  errors: errorsAreTheClientsOwn,
}

async function wholeIsWhatTheEngineSaid(cell: Cell): Promise<void> {
  if (cell.endpoint === 'models') return listsTheModels(cell)
  const { answer, request } = await inMode(cell, 'echo', () => cell.calls.whole(question(cell)))
  expect(request.path).toBe(paths[cell.endpoint])
  expect(JSON.stringify(request.body)).toContain(cell.endpoint === 'transcriptions' ? '"size":64044' : plainText)
  const echoed = answer.text ?? (answer.bytes && Buffer.from(answer.bytes).toString('utf8'))
  if (echoed !== undefined) expect(JSON.parse(echoed)).toMatchObject({ path: request.path, body: request.body })
  else if (cell.endpoint === 'embeddings') expect(answer.vector).toEqual([1, 0, 0, 0])
  else if (cell.endpoint === 'images') expect(answer.list).toEqual(['iVBORw0KGgo='])
  else if (cell.endpoint === 'moderations') expect(answer.list).toEqual([false])
  else expect(answer.list).toEqual([1])
}

/** The first piece is here while the engine has made no more than that. */
async function streamIsNotHeldBack(cell: Cell): Promise<void> {
  const { engine } = cell.world
  engine.mode = 'stepped'
  try {
    const asked = engine.requests.length
    const pieces = (cell.calls.stream as Stream)(question(cell))
    const first = pieces.next()
    const request = await engine.asked(asked + 1)
    engine.step()
    expect((await first).value).toBe(engine.tokens[0])
    expect(request.made).toBe(1)
    engine.step(engine.tokens.length - 1)
    const rest = await finished(pieces)
    expect(engine.tokens[0] + rest.text).toBe(engine.text)
  } finally {
    engine.mode = 'good'
  }
}

async function toolsTravelBothWays(cell: Cell): Promise<void> {
  const { calls, world } = cell
  const asked = { ...question(cell), offersTools: true }
  // Two at once: in a stream their pieces are told apart by their place alone.
  const expected = [
    { id: expect.any(String), name: 'get_weather', args: { city: 'scripted' } },
    { id: expect.any(String), name: 'get_balance', args: { account: 'scripted' } },
  ]
  const { answer } = await inMode(cell, 'capable', () => calls.whole(asked))
  expect(answer.calls).toEqual(expected)
  if (typeof calls.stream === 'function') {
    const { stream } = calls
    const { answer: streamed } = await inMode(cell, 'capable', async () => (await finished(stream(asked))).answer)
    expect(streamed.calls).toEqual(expected)
  }
  const called = answer.calls!.map((call, index) => ({ ...call, result: JSON.stringify({ found: `result ${index}` }) }))
  const { answer: last, request } = await inMode(cell, 'capable', () => calls.whole({ ...asked, called }))
  expect(last.text).toBe(world.engine.text)
  for (const { result } of called) expect(JSON.stringify(request.body)).toContain(JSON.stringify(result).slice(1, -1))
}

async function structuredOutputIsParsed(cell: Cell): Promise<void> {
  const { answer, request } = await inMode(cell, 'capable', () => (cell.calls.structured as Ask)(question(cell)))
  expect(answer.value).toEqual({ city: 'scripted', degrees: 1 })
  expect(JSON.stringify(request.body)).toContain('"json_schema"')
}

async function usageIsTheEnginesAndTheCharge(cell: Cell): Promise<void> {
  const { calls, world, endpoint } = cell
  const { shown, charge: fair } = fairUsage(endpoint, world.engine)
  const { whole, stream, hidesUsage } = calls
  const check = async (ask: () => Promise<Answer>, hides: boolean) => {
    const { value, charge } = await world.charged(ask)
    expect(charge).toBe(fair)
    if (hides) return
    expect(value.usage).toMatchObject(shown)
    if (value.usage!.cost !== undefined) expect(BigInt(value.usage!.cost)).toBe(charge)
  }
  await check(() => whole(question(cell)), hidesUsage === 'always')
  if (typeof stream === 'function') await check(async () => (await finished(stream(question(cell)))).answer, hidesUsage !== undefined)
}

async function goingAwayReachesTheEngine(cell: Cell): Promise<void> {
  const { calls } = cell
  await leaves(cell, 'hang-before-head', async signal => {
    await calls.whole({ ...question(cell), signal })
  })
  const { stream } = calls
  if (typeof stream !== 'function') return
  await leaves(cell, 'endless', async signal => {
    for await (const _ of stream({ ...question(cell), signal })) if (signal.aborted) continue
  })
  expect((await cell.world.deployment.idle()).reserved).toBe(0n)
}

async function leaves({ world }: Cell, mode: EngineMode, ask: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const { engine } = world
  const leaving = new AbortController()
  const asked = engine.requests.length
  engine.mode = mode
  try {
    // Some clients throw, some end the stream that they were told to leave.
    const ended = ask(leaving.signal).catch(() => {})
    const request = await engine.asked(asked + 1)
    if (mode === 'endless') await eventually(async () => (request.made > 10 ? true : undefined))
    const leftAt = performance.now()
    leaving.abort()
    await ended
    await request.closed
    expect(request.leftAt! - leftAt).toBeLessThan(soonMs)
  } finally {
    engine.mode = 'good'
  }
}

async function errorsAreTheClientsOwn(cell: Cell): Promise<void> {
  const { world, calls, endpoint } = cell
  await fails(cell, () => calls.whole({ ...question(cell), connection: world.connection({ apiKey: 'sk-wrong' }) }), 401, 'invalid_api_key')
  await fails(cell, () => calls.whole({ ...question(cell), model: 'gpt-9' }), 404, 'model_not_found')
  if (endpoint === 'models') return
  await fails(cell, () => calls.whole({ ...question(cell), model: models.dear }), 402, 'insufficient_quota')
  // A model is served where its engine says so, and the answer says which models are.
  if (!builtinDoes[endpoint]) await fails(cell, () => calls.whole({ ...question(cell), model: models.builtin }), 404, 'model_not_found')
  if (endpoint === 'responses') await fails(cell, () => calls.whole({ ...question(cell), store: true }), 400, null)
  const spoilt: [EngineMode, number, unknown][] = [
    ['status-400', 400, null],
    ['status-429', 429, 'rate_limit_exceeded'],
    ['status-500', 502, 'engine_failed'],
  ]
  for (const [mode, status, code] of spoilt) await inMode(cell, mode, () => fails(cell, () => calls.whole(question(cell)), status, code))
  const { stream } = calls
  if (typeof stream !== 'function') return
  await inMode(cell, 'status-400', () => fails(cell, () => finished(stream(question(cell))), 400, null))
  // Broken on the way: whatever has come is no whole answer.
  await inMode(cell, 'half-answer', () => expect(finished(stream(question(cell)))).rejects.toThrow())
  if (endpoint !== 'speech') await inMode(cell, 'error-in-stream', () => expect(finished(stream(question(cell)))).rejects.toThrow())
}

/**
 * Retries of many endpoints at once, because clients wait for seconds before they ask again. Each finds the engine broken, then
 * busy, then well: three tries, one charge. After every first failure another request succeeds, so that the worker is not let rest.
 */
export async function failuresAreTriedAgain(cells: readonly Cell[]): Promise<void> {
  const { world } = cells[0]!
  const { engine } = world
  const connection = world.connection({ maxRetries: 2 })
  const asked = engine.requests.length
  world.tries()
  engine.custom = brokenThenBusy()
  try {
    const { charge } = await world.charged(async () => {
      const answers: Promise<Answer>[] = []
      for (const cell of cells) {
        const reached = engine.asked(engine.requests.length + 1)
        answers.push(cell.calls.whole({ ...question(cell), connection }))
        await reached
        await succeed(world)
      }
      await Promise.all(answers)
    })
    const inBetween = fairUsage('chat', engine).charge
    expect(charge).toBe(cells.reduce((sum, { endpoint }) => sum + fairUsage(endpoint, engine).charge + inBetween, 0n))
  } finally {
    engine.custom = undefined
  }
  expect(world.tries()).toBe(3 * cells.length)
  expect(engine.requests.length - asked).toBe(4 * cells.length)
  // An empty account does not fill by asking again.
  for (const cell of cells) await expect(cell.calls.whole({ ...question(cell), connection, model: models.dear })).rejects.toThrow()
  expect(world.tries()).toBe(cells.length)
}

/** Fails the first two requests of each path, but for those that {@link succeed} makes. */
function brokenThenBusy(): Custom {
  const seen = new Map<string, number>()
  return ({ path, body }, response) => {
    if (JSON.stringify(body).includes(JSON.stringify(inBetweenText))) return false
    const tries = (seen.get(path) ?? 0) + 1
    seen.set(path, tries)
    if (tries > 2) return false
    response.writeHead(tries === 1 ? 500 : 429, { 'content-type': 'application/json' }).end('{"error":{"message":"out of memory"}}')
    return undefined
  }
}
