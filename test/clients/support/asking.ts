/** How cells ask: the question, the engine's mood meanwhile, and what a good answer costs. */
import { expect } from 'vitest'
import { price } from '../../support/deployment.ts'
import { eventually } from '../../support/eventually.ts'
import type { EngineMode, ScriptedEngine } from '../../support/scripted-engine.ts'
import type { Answer, Client, EndpointCalls, Question, ShownUsage, Stream } from './client.ts'
import type { Endpoint } from './matrix.ts'
import { models, type World } from './world.ts'

export interface Cell {
  readonly world: World
  readonly client: Client
  readonly endpoint: Endpoint
  readonly calls: EndpointCalls
}

const texts: Partial<Record<Endpoint, string>> = {
  chat: 'What is the capital of France?',
  completions: 'Once upon a time',
  embeddings: 'hello',
}
/** One code point of two units, so that counting characters is not counting units. */
export const plainText = 'A marker 🦋 in a text'

export function question(cell: Cell): Question {
  return plainQuestion(cell.world, models.scripted)
}

export function builtinQuestion(cell: Cell): Question {
  return { ...plainQuestion(cell.world, models.builtin), text: texts[cell.endpoint]! }
}

function plainQuestion(world: World, model: string): Question {
  return { connection: world.connection(), model, text: plainText, signal: new AbortController().signal }
}

/** Asks while the engine behaves so; returns the answer and the last request that reached the engine. */
export async function inMode<T>({ world }: Cell, mode: EngineMode, ask: () => Promise<T>) {
  world.engine.mode = mode
  try {
    const answer = await ask()
    return { answer, request: world.engine.requests.at(-1)! }
  } finally {
    world.engine.mode = 'good'
    // Failures in a row would let the worker rest.
    await succeed(world)
  }
}

/** What {@link succeed} asks. */
export const inBetweenText = 'A question in between'

/** A good answer in between, once the worker takes requests: it may rest, after a client that has asked again by itself. */
export async function succeed({ deployment }: World): Promise<void> {
  await eventually(async () => {
    const response = await deployment.chat({ model: models.scripted, messages: [{ role: 'user', content: inBetweenText }] })
    await response.text()
    return response.ok ? true : undefined
  })
}

export async function finished(pieces: ReturnType<Stream>): Promise<{ text: string; pieces: number; answer: Answer }> {
  let text = ''
  for (let count = 0; ; count++) {
    const { done, value } = await pieces.next()
    if (done) return { text, pieces: count, answer: value }
    text += value
  }
}

export async function listsTheModels({ calls, world }: Cell): Promise<void> {
  const { list, value } = await calls.whole(plainQuestion(world, models.builtin))
  expect(list).toEqual([models.builtin, models.dear, models.scripted])
  expect(value).toBe(models.builtin)
}

export async function fails({ client, endpoint }: Cell, ask: () => Promise<unknown>, status: number, code: unknown): Promise<void> {
  const thrown = await ask().then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(client.failure(thrown)).toEqual({ status, code, kind: client.kindOf({ status, code, endpoint }) })
}

/** What a good answer to {@link question} shows as its usage, and costs. */
export function fairUsage(endpoint: Endpoint, engine: ScriptedEngine): { shown: ShownUsage; charge: bigint } {
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

export function tokenCharge(prompt: number, completion: number): bigint {
  return charged(BigInt(prompt) * BigInt(price.prompt) + BigInt(completion) * BigInt(price.completion))
}

/** Rounded up, once. */
function charged(millionths: bigint): bigint {
  return (millionths + 999_999n) / 1_000_000n
}
