/** The cells of the matrix: what each aspect of each endpoint has to show, whichever client asks. */
import { expect } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { EngineMode, ScriptedEngine } from '../../support/scripted-engine.ts'
import { type Answer, type Ask, type Client, type EndpointCalls, form, type Question, type ShownUsage, type Stream } from './client.ts'
import { type Aspect, type Endpoint, type Engine, paths } from './matrix.ts'
import { models, price, type World } from './world.ts'

export interface Cell {
  readonly world: World
  readonly client: Client
  readonly endpoint: Endpoint
  readonly calls: EndpointCalls
}

type Check = (cell: Cell) => Promise<void>

/** A going away reaches the engine far sooner than this: the figures are in the report of bench/aborts.ts. */
const soonMs = 2_000
const texts: Partial<Record<Endpoint, string>> = {
  chat: 'What is the capital of France?',
  completions: 'Once upon a time',
  embeddings: 'hello',
}
/** One code point of two units, so that counting characters is not counting units. */
const plainText = 'A marker 🦋 in a text'

export const checks: Readonly<Record<Engine, Readonly<Record<Aspect, Check>>>> = {
  scripted: {
    whole: wholeIsWhatTheEngineSaid,
    stream: streamIsNotHeldBack,
    tools: toolsTravelBothWays,
    structured: structuredOutputIsParsed,
    usage: usageIsTheEnginesAndTheCharge,
    abort: goingAwayReachesTheEngine,
    errors: errorsAreTheClientsOwn,
    retries: failuresAreTriedAgainOnce,
  },
  builtin: {
    whole: theModelAnswers,
    stream: theModelStreamsTheSame,
    tools: theModelCallsATool,
    structured: theModelKeepsToAForm,
    usage: theModelsTokensAreCharged,
    abort: never,
    errors: theModelRefuses,
    retries: never,
  },
}

/** What the built-in model can be asked. */
export const builtinDoes: Partial<Record<Endpoint, readonly Aspect[]>> = {
  models: ['whole'],
  chat: ['whole', 'stream', 'tools', 'structured', 'usage', 'errors'],
  completions: ['whole', 'stream', 'usage', 'errors'],
  embeddings: ['whole', 'usage', 'errors'],
}

// The scripted engine.

async function wholeIsWhatTheEngineSaid(cell: Cell): Promise<void> {
  if (cell.endpoint === 'models') return listsTheModels(cell)
  const { answer, request } = await inMode(cell, 'echo', () => cell.calls.whole(question(cell)))
  expect(request.path).toBe(paths[cell.endpoint])
  expect(JSON.stringify(request.body)).toContain(cell.endpoint === 'transcriptions' ? '"size":32044' : plainText)
  const echoed = answer.text ?? (answer.bytes && Buffer.from(answer.bytes).toString('utf8'))
  if (echoed !== undefined) expect(JSON.parse(echoed)).toMatchObject({ path: request.path, body: request.body })
  else if (cell.endpoint === 'embeddings') expect(answer.vector).toEqual([1, 0, 0, 0])
  else if (cell.endpoint === 'images') expect(answer.list).toEqual(['iVBORw0KGgo='])
  else if (cell.endpoint === 'moderations') expect(answer.list).toEqual([false])
  else expect(answer.list).toEqual([1])
}

async function listsTheModels({ calls, world }: Cell): Promise<void> {
  const { list, value } = await calls.whole(plainQuestion(world, models.builtin))
  expect(list).toEqual([models.builtin, models.dear, models.scripted])
  expect(value).toBe(models.builtin)
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
  const asked = { ...question(cell), offersTool: true }
  const expected = [{ id: expect.any(String), name: 'get_weather', args: { city: 'scripted' } }]
  const { answer } = await inMode(cell, 'capable', () => calls.whole(asked))
  expect(answer.calls).toEqual(expected)
  if (typeof calls.stream === 'function') {
    const { stream } = calls
    const { answer: streamed } = await inMode(cell, 'capable', async () => (await finished(stream(asked))).answer)
    expect(streamed.calls).toEqual(expected)
  }
  const called = { ...answer.calls![0]!, result: '{"sky":"sunny"}' }
  const { answer: last, request } = await inMode(cell, 'capable', () => calls.whole({ ...asked, called }))
  expect(last.text).toBe(world.engine.text)
  expect(JSON.stringify(request.body)).toContain('{\\"sky\\":\\"sunny\\"}')
}

async function structuredOutputIsParsed(cell: Cell): Promise<void> {
  const { answer, request } = await inMode(cell, 'capable', () => (cell.calls.structured as Ask)(question(cell)))
  expect(answer.value).toEqual({ city: 'scripted', degrees: 1 })
  expect(JSON.stringify(request.body)).toContain('"json_schema"')
}

async function usageIsTheEnginesAndTheCharge(cell: Cell): Promise<void> {
  const { calls, world, endpoint } = cell
  const { shown, charge: fair } = fairUsage(endpoint, world.engine)
  const asks: (() => Promise<Answer>)[] = [() => calls.whole(question(cell))]
  const { stream } = calls
  if (typeof stream === 'function') asks.push(async () => (await finished(stream(question(cell)))).answer)
  for (const ask of asks) {
    const { value, charge } = await world.charged(ask)
    expect(charge).toBe(fair)
    if (calls.hidesUsage) continue
    expect(value.usage).toMatchObject(shown)
    if (value.usage!.cost !== undefined) expect(BigInt(value.usage!.cost)).toBe(charge)
  }
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

async function fails({ client }: Cell, ask: () => Promise<unknown>, status: number, code: unknown): Promise<void> {
  const thrown = await ask().then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(client.failure(thrown)).toEqual({ status, code, kind: client.kindOf(status) })
}

async function failuresAreTriedAgainOnce(cell: Cell): Promise<void> {
  const { world, calls, endpoint } = cell
  const { engine } = world
  const connection = world.connection({ maxRetries: 2 })
  const asked = engine.requests.length
  world.tries()
  engine.custom = (_request, response) => {
    engine.custom = undefined
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"out of memory"}}')
  }
  const { charge } = await world.charged(() => calls.whole({ ...question(cell), connection }))
  expect(engine.requests.length - asked).toBe(2)
  expect(world.tries()).toBe(2)
  expect(charge).toBe(fairUsage(endpoint, engine).charge)
  // An empty account does not fill by asking again.
  await expect(calls.whole({ ...question(cell), connection, model: models.dear })).rejects.toThrow()
  expect(world.tries()).toBe(1)
}

// The built-in model.

async function theModelAnswers(cell: Cell): Promise<void> {
  if (cell.endpoint === 'models') return listsTheModels(cell)
  const answer = await cell.calls.whole(builtinQuestion(cell))
  if (cell.endpoint === 'embeddings') {
    expect(answer.vector!.length).toBe(256)
    expect(answer.vector!.every(Number.isFinite)).toBe(true)
    expect(Math.hypot(...answer.vector!)).toBeCloseTo(1, 3)
  } else if (cell.endpoint === 'chat') expect(answer.text).toBe('The capital of France is Paris.')
  else expect(answer.text!.length).toBeGreaterThan(0)
}

async function theModelStreamsTheSame(cell: Cell): Promise<void> {
  const whole = await cell.calls.whole(builtinQuestion(cell))
  const { text, pieces } = await finished((cell.calls.stream as Stream)(builtinQuestion(cell)))
  expect(text).toBe(whole.text)
  expect(pieces).toBeGreaterThan(1)
}

async function theModelCallsATool(cell: Cell): Promise<void> {
  const asked = { ...builtinQuestion(cell), text: 'What is the weather in Paris?', offersTool: true }
  const { calls } = await cell.calls.whole(asked)
  expect(calls).toEqual([{ id: expect.any(String), name: 'get_weather', args: { city: 'Paris' } }])
  const { answer } = await finished((cell.calls.stream as Stream)(asked))
  expect(answer.calls).toEqual([{ id: expect.any(String), name: 'get_weather', args: { city: 'Paris' } }])
}

async function theModelKeepsToAForm(cell: Cell): Promise<void> {
  const { value } = await (cell.calls.structured as Ask)(builtinQuestion(cell))
  expect(form.safeParse(value).error).toBeUndefined()
}

async function theModelsTokensAreCharged(cell: Cell): Promise<void> {
  const { value, charge } = await cell.world.charged(() => cell.calls.whole(builtinQuestion(cell)))
  expect(charge).toBeGreaterThan(0n)
  if (cell.calls.hidesUsage) return
  const { prompt, completion = 0 } = value.usage!
  expect(charge).toBe(tokenCharge(prompt!, completion))
}

async function theModelRefuses(cell: Cell): Promise<void> {
  const tooLong = { ...builtinQuestion(cell), text: 'word '.repeat(3_000) }
  await fails(cell, () => cell.calls.whole(tooLong), 400, 'context_length_exceeded')
}

async function never(): Promise<void> {
  throw new Error('this cell does not exist')
}

// Asking.

function question(cell: Cell): Question {
  return plainQuestion(cell.world, models.scripted)
}

function builtinQuestion(cell: Cell): Question {
  return { ...plainQuestion(cell.world, models.builtin), text: texts[cell.endpoint]! }
}

function plainQuestion(world: World, model: string): Question {
  return { connection: world.connection(), model, text: plainText, signal: new AbortController().signal }
}

/** Asks while the engine behaves so; returns the answer and the last request that reached the engine. */
async function inMode<T>({ world }: Cell, mode: EngineMode, ask: () => Promise<T>) {
  world.engine.mode = mode
  try {
    const answer = await ask()
    return { answer, request: world.engine.requests.at(-1)! }
  } finally {
    world.engine.mode = 'good'
    // A success in between: failures in a row would let the worker rest.
    await world.deployment
      .chat({ model: models.scripted, messages: [{ role: 'user', content: 'hello' }] })
      .then(response => response.text())
  }
}

async function finished(pieces: ReturnType<Stream>): Promise<{ text: string; pieces: number; answer: Answer }> {
  let text = ''
  for (let count = 0; ; count++) {
    const { done, value } = await pieces.next()
    if (done) return { text, pieces: count, answer: value }
    text += value
  }
}

/** What a good answer to {@link question} shows as its usage, and costs. */
function fairUsage(endpoint: Endpoint, engine: ScriptedEngine): { shown: ShownUsage; charge: bigint } {
  switch (endpoint) {
    case 'images':
      return { shown: { images: 1 }, charge: charged(BigInt(price.images)) }
    case 'speech':
      return { shown: {}, charge: charged(BigInt([...plainText].length) * BigInt(price.characters)) }
    case 'transcriptions':
      return { shown: { seconds: 2 }, charge: charged(2n * BigInt(price.seconds)) }
    case 'chat':
    case 'completions':
    case 'responses': {
      const shown = { prompt: engine.promptTokens, completion: engine.tokens.length }
      return { shown, charge: tokenCharge(shown.prompt, shown.completion) }
    }
    default:
      return { shown: { prompt: engine.promptTokens }, charge: tokenCharge(engine.promptTokens, 0) }
  }
}

function tokenCharge(prompt: number, completion: number): bigint {
  return charged(BigInt(prompt) * BigInt(price.prompt) + BigInt(completion) * BigInt(price.completion))
}

/** Rounded up, once. */
function charged(millionths: bigint): bigint {
  return (millionths + 999_999n) / 1_000_000n
}
