/** What each aspect has to show over the built-in model, for what it can do. */
import { expect } from 'vitest'
import { builtinQuestion, type Cell, fails, finished, listsTheModels, tokenCharge } from './asking.ts'
import { type Answer, type Ask, form, type Stream } from './client.ts'
import type { Aspect } from './matrix.ts'

export const builtinChecks: Readonly<Partial<Record<Exclude<Aspect, 'retries'>, (cell: Cell) => Promise<void>>>> = {
  whole: theModelAnswers,
  stream: theModelStreamsTheSame,
  tools: theModelCallsATool,
  structured: theModelKeepsToAForm,
  usage: theModelsTokensAreCharged,
  errors: theModelRefuses,
}

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
  const asked = { ...builtinQuestion(cell), text: 'What is the weather in Paris?', offersTools: true }
  const expected = [{ id: expect.any(String), name: 'get_weather', args: { city: 'Paris' } }]
  const { calls } = await cell.calls.whole(asked)
  expect(calls).toEqual(expected)
  const { answer } = await finished((cell.calls.stream as Stream)(asked))
  expect(answer.calls).toEqual(expected)
  const called = [{ ...calls![0]!, result: '{"sky":"sunny"}' }]
  const last = await cell.calls.whole({ ...asked, called })
  expect(last.text).toMatch(/sunny.*Paris/)
}

async function theModelKeepsToAForm(cell: Cell): Promise<void> {
  const { value } = await (cell.calls.structured as Ask)(builtinQuestion(cell))
  expect(form.safeParse(value).error).toBeUndefined()
}

async function theModelsTokensAreCharged(cell: Cell): Promise<void> {
  const { whole, stream, hidesUsage } = cell.calls
  const check = async (ask: () => Promise<Answer>, hides: boolean) => {
    const { value, charge } = await cell.world.charged(ask)
    expect(charge).toBeGreaterThan(0n)
    if (hides) return charge
    const { prompt, completion = 0 } = value.usage!
    expect(charge).toBe(tokenCharge(prompt!, completion))
    return charge
  }
  const charge = await check(() => whole(builtinQuestion(cell)), hidesUsage === 'always')
  if (typeof stream !== 'function') return
  const streamed = await check(async () => (await finished(stream(builtinQuestion(cell)))).answer, hidesUsage !== undefined)
  expect(streamed).toBe(charge)
}

async function theModelRefuses(cell: Cell): Promise<void> {
  const tooLong = { ...builtinQuestion(cell), text: 'word '.repeat(3_000) }
  await fails(cell, () => cell.calls.whole(tooLong), 400, 'context_length_exceeded')
}
