/** The bound a reservation rests on: no usage within a request's limits costs more, and none of it is lost to rounding. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costOf, type Price, type Usage } from '../../src/envelope/index.ts'
import { maxNanoton, NanotonError } from '../../src/lib/nanoton.ts'
import { type WorstCaseInput, worstCase } from '../../src/metering/index.ts'

const price: Price = { prompt: '1000000', cached: '500000', completion: '3000000', reasoning: '2000000' }
const generating = ({ choices, maxTokens }: { choices: number; maxTokens: number | undefined }) => ({
  inputs: 1,
  hasMedia: false,
  generates: { choices, ...(maxTokens === undefined ? {} : { maxTokens }) },
  units: {},
})
const facts = generating({ choices: 1, maxTokens: 10 })
const request: WorstCaseInput = { bodyBytes: 100, facts, contextLength: 4_096, price }

const amounts = fc.bigInt(0n, 10n ** 12n).map(String)
const prices: fc.Arbitrary<Price> = fc.record({ prompt: amounts, cached: amounts, completion: amounts, reasoning: amounts })
const requests: fc.Arbitrary<WorstCaseInput> = fc
  .record({
    bodyBytes: fc.nat(2_000_000),
    maxTokens: fc.option(fc.nat(300_000), { nil: undefined }),
    contextLength: fc.integer({ min: 1, max: 1_000_000 }),
    choices: fc.integer({ min: 1, max: 8 }),
    price: prices,
  })
  .map(({ maxTokens, choices, ...rest }) => ({ ...rest, facts: generating({ choices, maxTokens }) }))
const part = fc.double({ min: 0, max: 1, noNaN: true })

/** Any split of any part of what a request may take. */
const usages = fc.tuple(requests, part, part, part, part).map(([each, read, cached, written, thought]): [WorstCaseInput, Usage] => {
  const prompts = Math.floor(Math.min(each.bodyBytes, each.contextLength) * read)
  const answers = Math.floor(
    Math.min(each.facts.generates!.maxTokens ?? each.contextLength, each.contextLength) * each.facts.generates!.choices * written,
  )
  const hit = Math.floor(prompts * cached)
  const reasoning = Math.floor(answers * thought)
  return [each, { prompt: prompts - hit, cached: hit, completion: answers - reasoning, reasoning }]
})

const limit = (maxTokens: number | undefined) => generating({ choices: 1, maxTokens })

describe('the worst case', () => {
  test('is never below what a usage within the limits costs', () => {
    fc.assert(
      fc.property(usages, ([each, usage]) => {
        const { cap, tokens } = worstCase(each)
        expect(costOf(usage, each.price) <= cap).toBe(true)
        expect(usage.prompt + usage.cached + usage.completion + usage.reasoning).toBeLessThanOrEqual(tokens)
      }),
      { numRuns: 1_000 },
    )
  })

  test('is what the dearest usage costs, not more', () => {
    fc.assert(
      fc.property(requests, each => {
        const { cap, tokens } = worstCase(each)
        const prompt = Math.min(each.bodyBytes + 64, each.contextLength)
        const higher = (a: string, b: string) => (BigInt(a) > BigInt(b) ? BigInt(a) : BigInt(b))
        const exact =
          BigInt(prompt) * higher(each.price.prompt, each.price.cached) +
          BigInt(tokens - prompt) * higher(each.price.completion, each.price.reasoning)
        expect(cap * 1_000_000n >= exact && cap * 1_000_000n < exact + 1_000_000n).toBe(true)
      }),
    )
  })

  test('leaves room for the words a chat template adds', () => {
    expect(worstCase(request)).toEqual({ cap: 164n + 30n, tokens: 174 })
    expect(worstCase({ ...request, bodyBytes: 0 })).toEqual({ cap: 64n + 30n, tokens: 74 })
  })

  test('ends at the context length, for prompt and for each answer', () => {
    expect(worstCase({ ...request, bodyBytes: 1_000_000, facts: limit(undefined) }).tokens).toBe(2 * 4_096)
    expect(worstCase({ ...request, facts: limit(1_000_000) }).tokens).toBe(164 + 4_096)
    expect(worstCase({ ...request, bodyBytes: 4_033 }).tokens).toBe(4_096 + 10)
  })

  test('counts every answer that is asked for', () => {
    expect(worstCase({ ...request, facts: generating({ choices: 3, maxTokens: 10 }) })).toEqual({ cap: 164n + 90n, tokens: 194 })
  })

  test('takes an answer of no tokens', () => {
    expect(worstCase({ ...request, facts: limit(0) })).toEqual({ cap: 164n, tokens: 164 })
  })

  test('counts no prompt where nothing is charged by it, and nothing generated where nothing is', () => {
    const images = { inputs: 0, hasMedia: false, units: { images: 3 } }
    expect(worstCase({ ...request, facts: images, price: { ...price, images: '5000000' } })).toEqual({ cap: 15n, tokens: 0 })
    expect(worstCase({ ...request, facts: { inputs: 2, hasMedia: false, units: {} } })).toEqual({ cap: 228n, tokens: 228 })
  })

  test('takes an image or a recording for as much as the context holds', () => {
    expect(worstCase({ ...request, facts: { ...facts, hasMedia: true } }).tokens).toBe(4_096 + 10)
    expect(worstCase({ ...request, facts: { ...facts, hasMedia: true, inputs: 3 } }).tokens).toBe(3 * 4_096 + 10)
  })

  test('is refused for a unit that has no price', () => {
    expect(() => worstCase({ ...request, facts: { ...facts, units: { seconds: 1 } } })).toThrow(expect.objectContaining({ code: 'misuse' }))
  })

  test('counts each side at the dearer of its classes', () => {
    expect(worstCase({ ...request, price: { ...price, cached: '7000000' } }).cap).toBe(164n * 7n + 30n)
    expect(worstCase({ ...request, price: { ...price, reasoning: '9000000' } }).cap).toBe(164n + 90n)
  })

  test('rounds up once, not for each class', () => {
    const penny: Price = { prompt: '1', cached: '1', completion: '1', reasoning: '1' }
    expect(worstCase({ ...request, price: penny }).cap).toBe(1n)
    expect(costOf({ prompt: 1, cached: 1, completion: 1, reasoning: 1 }, penny)).toBe(1n)
    expect(costOf({ prompt: 500_000, cached: 0, completion: 500_001, reasoning: 0 }, penny)).toBe(2n)
    expect(worstCase({ ...request, price: { prompt: '0', cached: '0', completion: '0', reasoning: '0' } }).cap).toBe(0n)
  })

  test('is exact where a double would not be', () => {
    const odd = { ...price, prompt: (2n ** 53n + 1n).toString() }
    expect(worstCase({ ...request, bodyBytes: 999_936, contextLength: 1_000_000, facts: limit(0), price: odd }).cap).toBe(2n ** 53n + 1n)
  })

  test('is refused where it is no amount any more, and taken at the largest there is', () => {
    const most = { ...price, prompt: maxNanoton.toString() }
    const wide = { ...request, facts: limit(0), contextLength: 2_000_000, price: most }
    expect(worstCase({ ...wide, bodyBytes: 1_000_000 - 64 }).cap).toBe(maxNanoton)
    expect(() => worstCase({ ...wide, bodyBytes: 1_000_000 - 63 })).toThrow(NanotonError)
  })

  test.each([
    ['a negative size', { bodyBytes: -65 }],
    ['a negative limit', { facts: limit(-1) }],
    ['a negative context', { contextLength: -1 }],
    ['a negative count of answers', { facts: generating({ choices: -1, maxTokens: 10 }) }],
    ['half a token', { facts: limit(1.5) }],
    ['no number', { bodyBytes: Number.NaN }],
    ['an endless limit', { facts: limit(Number.POSITIVE_INFINITY), contextLength: Number.POSITIVE_INFINITY }],
    ['an inexact count', { facts: limit(2 ** 53), contextLength: 2 ** 53 }],
  ])('is refused for %s', (_, change) => {
    expect(() => worstCase({ ...request, ...change })).toThrow(expect.objectContaining({ code: 'misuse' }))
  })

  test.each(['-1', '1.5', '', '9223372036854775808'])('is refused for a price of "%s"', text => {
    for (const name of ['prompt', 'cached', 'completion', 'reasoning'])
      expect(() => worstCase({ ...request, price: { ...price, [name]: text } })).toThrow(NanotonError)
  })
})
