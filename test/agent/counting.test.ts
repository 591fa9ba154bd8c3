import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/agent/budget.ts'
import { callerUsage } from '../../src/agent/endpoints/caller-usage.ts'
import { readClaim, Tally } from '../../src/agent/tally.ts'
import type { Usage } from '../../src/envelope/index.ts'

const piece = (completionBytes: number, reasoningBytes = 0) => ({ completionBytes, reasoningBytes })
const claim = (prompt: unknown, completion: unknown, more: object = {}) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  ...more,
})
const tally = (changed: Partial<ConstructorParameters<typeof Tally>[0]> = {}) =>
  new Tally({ promptMost: 100, completionMost: 1_000, choices: 1, ...changed })
const none: Usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }

describe('an engine’s claim', () => {
  test('becomes disjoint counts', () => {
    const usage = claim(10, 7, { prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 5 } })
    expect(readClaim(usage)).toEqual({ prompt: 6, cached: 4, completion: 2, reasoning: 5 })
  })

  test.each([
    ['negative', claim(-1, 3)],
    ['fractional', claim(1, 2.5)],
    ['text', claim('7', 3)],
    ['missing', { completion_tokens: 3 }],
    ['not finite', claim(Number.POSITIVE_INFINITY, 1)],
    ['no object', 7],
  ])('that is %s is none', (_what, usage) => {
    expect(readClaim(usage)).toBeUndefined()
  })

  test('of more details than there is whole is cut to it', () => {
    expect(
      readClaim(claim(3, 2, { prompt_tokens_details: { cached_tokens: 9 }, completion_tokens_details: { reasoning_tokens: -4 } })),
    ).toEqual({ prompt: 0, cached: 3, completion: 2, reasoning: 0 })
  })
})

describe('the tally', () => {
  test('believes an honest engine to the token', () => {
    const counts = tally()
    for (let i = 0; i < 5; i++) counts.sawPiece(piece(4))
    counts.claimed(claim(12, 6), false)
    expect(counts.usage()).toEqual({ prompt: 12, cached: 0, completion: 6, reasoning: 0 })
  })

  test('charges no more than the text, the pieces and the prompt’s bytes can hold', () => {
    const counts = tally()
    for (let i = 0; i < 5; i++) counts.sawPiece(piece(4))
    counts.claimed(claim(1_000_000, 1_000_000), false)
    expect(counts.usage()).toEqual({ prompt: 100, cached: 0, completion: 20 + 5 + 8, reasoning: 0 })
  })

  test('charges no more than was asked for', () => {
    const counts = tally({ completionMost: 3 })
    for (let i = 0; i < 5; i++) counts.sawPiece(piece(4))
    counts.claimed(claim(12, 5), false)
    expect(counts.usage().completion).toBe(3)
    expect(counts.isOverAsked).toBe(true)
  })

  test('counts at least a token per piece with text, whatever is claimed', () => {
    const counts = tally()
    for (let i = 0; i < 5; i++) counts.sawPiece(piece(i === 0 ? 0 : 4))
    counts.claimed(claim(0, 0), false)
    expect(counts.usage()).toEqual({ prompt: 1, cached: 0, completion: 4, reasoning: 0 })
  })

  test('counts by itself where nothing is claimed', () => {
    const stream = tally()
    for (let i = 0; i < 5; i++) stream.sawPiece(i < 2 ? piece(0, 3) : piece(3))
    expect(stream.usage()).toEqual({ prompt: 1, cached: 0, completion: 3, reasoning: 2 })
    const json = tally()
    json.sawText(piece(80))
    expect(json.usage()).toEqual({ prompt: 1, cached: 0, completion: 10, reasoning: 0 })
  })

  test('charges no reasoning that was not shown', () => {
    const counts = tally()
    counts.sawText(piece(200))
    counts.claimed(claim(5, 100, { completion_tokens_details: { reasoning_tokens: 60 } }), false)
    expect(counts.usage()).toEqual({ prompt: 5, cached: 0, completion: 40, reasoning: 0 })
  })

  test('charges what was shown beside reasoning that was not', () => {
    const counts = tally()
    counts.sawText(piece(40))
    counts.claimed(claim(5, 70, { completion_tokens_details: { reasoning_tokens: 60 } }), false)
    expect(counts.usage()).toEqual({ prompt: 5, cached: 0, completion: 10, reasoning: 0 })
    const stream = tally({ completionMost: 20 })
    for (let i = 0; i < 10; i++) stream.sawPiece(piece(4))
    stream.claimed(claim(5, 20, { completion_tokens_details: { reasoning_tokens: 10 } }), false)
    expect(stream.usage()).toEqual({ prompt: 5, cached: 0, completion: 10, reasoning: 0 })
  })

  test('of text that came again, whole, counts the longer', () => {
    const counts = tally()
    counts.sawPiece(piece(2))
    counts.sawWhole(piece(30, 6))
    counts.claimed(claim(5, 25, { completion_tokens_details: { reasoning_tokens: 5 } }), false)
    expect(counts.usage()).toEqual({ prompt: 5, cached: 0, completion: 20, reasoning: 5 })
    counts.sawWhole(piece(1))
    expect(counts.usage().completion).toBe(20)
  })

  test('bears every claim that JSON can make, and keeps to its bounds', () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(-1, -0, 0.5, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 53, '7', true, null, [], {}, Number.POSITIVE_INFINITY),
      fc.nat(50),
    )
    const names = ['prompt_tokens', 'input_tokens', 'completion_tokens', 'output_tokens', 'total_tokens']
    const details = ['prompt_tokens_details', 'completion_tokens_details', 'input_tokens_details', '__proto__', 'toString']
    const claims = fc.dictionary(
      fc.constantFrom(...names, ...details),
      fc.oneof(odd, fc.dictionary(fc.constantFrom('cached_tokens', 'reasoning_tokens', '__proto__'), odd)),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.option(fc.oneof(claims, odd)), fc.nat(9), fc.nat(9), fc.boolean()), { maxLength: 9 }), steps => {
        const counts = tally({ promptMost: 50, completionMost: 30, choices: 2 })
        let text = 0
        for (const [claimed, completion, reasoning, partial] of steps) {
          counts.sawPiece(piece(completion, reasoning))
          text += completion + reasoning + 1
          counts.claimed(claimed, partial)
          const now = counts.usage()
          for (const count of Object.values(now)) expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
          expect(now.prompt + now.cached).toBeLessThanOrEqual(50)
          expect(now.completion + now.reasoning).toBeLessThanOrEqual(Math.min(30, text + 16))
        }
      }),
    )
  })

  test('of several choices takes the largest claim on the way and the last one at the end', () => {
    const counts = tally({ choices: 2 })
    for (let i = 0; i < 6; i++) counts.sawPiece(piece(10))
    counts.claimed(claim(5, 9), true)
    counts.claimed(claim(5, 7), true)
    expect(counts.usage().completion).toBe(9)
    counts.claimed(claim(5, 16), false)
    expect(counts.usage().completion).toBe(16)
  })

  test('never falls below what was signed, in any class', () => {
    const amount = fc.nat(60)
    const usage = fc.record({
      prompt_tokens: amount,
      completion_tokens: amount,
      prompt_tokens_details: fc.record({ cached_tokens: amount }),
      completion_tokens_details: fc.record({ reasoning_tokens: amount }),
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.option(usage, { nil: undefined }), fc.nat(9), fc.nat(9)), { maxLength: 12 }), steps => {
        const counts = tally({ promptMost: 50 })
        let signed = none
        for (const [claimed, text, reasoning] of steps) {
          counts.sawPiece(piece(text, reasoning))
          if (claimed) counts.claimed(claimed, false)
          const now = counts.usage()
          for (const member of ['prompt', 'cached', 'completion', 'reasoning'] as const)
            expect(now[member]).toBeGreaterThanOrEqual(signed[member])
          expect(now.prompt + now.cached).toBeLessThanOrEqual(50)
          counts.signed(now)
          signed = now
        }
      }),
    )
  })
})

describe('the budget', () => {
  const price = { prompt: '1000000', cached: '500000', completion: '2000000', reasoning: '3000000' }

  test('knows how many tokens more are paid for, at the dearer price', () => {
    const budget = new Budget('20', price)
    expect(budget.roomAfterPrompt(5)).toBe(5)
    expect(budget.room({ prompt: 5, cached: 0, completion: 7, reasoning: 0 })).toBe(0)
    expect(budget.roomAfterPrompt(21)).toBe(-1)
    expect(new Budget('0', { prompt: '0', cached: '0', completion: '0', reasoning: '0' }).room({ ...none, completion: 9 })).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  test('takes away exactly what the cap does not pay for, and nothing that was signed', () => {
    const count = fc.nat(50)
    const counts = fc.record({ prompt: count, cached: count, completion: count, reasoning: count })
    const amount = fc.bigInt(0n, 5_000_000n).map(String)
    const prices = fc.record({ prompt: amount, cached: amount, completion: amount, reasoning: amount })
    const cost = (usage: Usage, at: typeof price) => {
      const sum = (['prompt', 'cached', 'completion', 'reasoning'] as const).reduce(
        (total, member) => total + BigInt(usage[member]) * BigInt(at[member]),
        0n,
      )
      return (sum + 999_999n) / 1_000_000n
    }
    fc.assert(
      fc.property(counts, counts, prices, fc.nat(100), (signed, more, at, extra) => {
        const usage: Usage = {
          prompt: signed.prompt + more.prompt,
          cached: signed.cached + more.cached,
          completion: signed.completion + more.completion,
          reasoning: signed.reasoning + more.reasoning,
        }
        const cap = cost(signed, at) + BigInt(extra)
        const within = new Budget(cap.toString(), at).within(usage, signed)
        expect(cost(within, at)).toBeLessThanOrEqual(cap)
        for (const member of ['prompt', 'cached', 'completion', 'reasoning'] as const) {
          expect(within[member]).toBeGreaterThanOrEqual(signed[member])
          expect(within[member]).toBeLessThanOrEqual(usage[member])
        }
        if (cost(usage, at) <= cap) expect(within).toEqual(usage)
      }),
    )
  })
})

describe('the usage a caller sees', () => {
  test('has the receipt’s counts, the cost, and what else the engine said', () => {
    const usage = { prompt: 8, cached: 4, completion: 2, reasoning: 5 }
    expect(
      callerUsage(usage, 77n, {
        prompt_tokens: 99,
        completion_tokens: 99,
        total_tokens: 198,
        prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
      }),
    ).toEqual({
      prompt_tokens: 12,
      completion_tokens: 7,
      total_tokens: 19,
      prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 5 },
      cost: '77',
    })
  })
})
