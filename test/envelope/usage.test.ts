import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costOf, finishOf, otherUnits, type Price, paysAtLeast, tokenClasses, type Usage } from '../../src/envelope/index.ts'
import { NanotonError } from '../../src/lib/nanoton.ts'
import { codeOf, nothing } from './sample.ts'

const classes = tokenClasses
const units = [...tokenClasses, ...otherUnits] as const
const count = fc.oneof(fc.nat(), fc.maxSafeNat())
const amount = fc.oneof(fc.bigInt({ min: 0n, max: 10_000_000n }), fc.bigInt({ min: 0n, max: (1n << 63n) - 1n })).map(String)
const usages = fc.record({ prompt: count, cached: count, completion: count, reasoning: count })
const prices = fc.record({ prompt: amount, cached: amount, completion: amount, reasoning: amount })
const free: Price = { prompt: '0', cached: '0', completion: '0', reasoning: '0' }

/** A price that may name other units than tokens, and a usage that names some of those. */
const priced = fc.record(
  { prompt: amount, cached: amount, completion: amount, reasoning: amount, images: amount, characters: amount, seconds: amount },
  { requiredKeys: [...tokenClasses], noNullPrototype: true },
)
const used = fc.record(
  { prompt: count, cached: count, completion: count, reasoning: count, images: count, characters: count, seconds: count },
  { requiredKeys: [...tokenClasses], noNullPrototype: true },
)

describe('what usage costs', () => {
  test('is the exact sum over the classes, in millionths, rounded up once', () => {
    fc.assert(
      fc.property(usages, prices, (usage, price) => {
        const millionths = classes.map(name => BigInt(usage[name]) * BigInt(price[name])).reduce((a, b) => a + b)
        const cost = costOf(usage, price)
        expect(cost * 1_000_000n >= millionths).toBe(true)
        expect((cost - 1n) * 1_000_000n < millionths).toBe(true)
      }),
    )
  })

  test('never falls as counts or prices rise', () => {
    fc.assert(
      fc.property(usages, prices, fc.constantFrom(...classes), fc.nat(), (usage, price, name, more) => {
        const higher: Usage = { ...usage, [name]: Math.min(usage[name] + more, Number.MAX_SAFE_INTEGER) }
        expect(costOf(higher, price) >= costOf(usage, price)).toBe(true)
        fc.pre(BigInt(price[name]) + BigInt(more) < 1n << 63n)
        expect(costOf(usage, { ...price, [name]: `${BigInt(price[name]) + BigInt(more)}` }) >= costOf(usage, price)).toBe(true)
      }),
    )
  })

  test('is never more for one request than for its parts', () => {
    const small = fc.record({ prompt: fc.nat(), cached: fc.nat(), completion: fc.nat(), reasoning: fc.nat() })
    fc.assert(
      fc.property(small, small, prices, (a, b, price) => {
        const both = {
          prompt: a.prompt + b.prompt,
          cached: a.cached + b.cached,
          completion: a.completion + b.completion,
          reasoning: a.reasoning + b.reasoning,
        }
        const apart = costOf(a, price) + costOf(b, price)
        expect(costOf(both, price) <= apart && costOf(both, price) >= apart - 1n).toBe(true)
      }),
    )
  })

  test('is nothing for nothing, and at least one nanoTON for anything with a price', () => {
    expect(costOf(nothing, { ...free, prompt: '9223372036854775807' })).toBe(0n)
    expect(costOf({ ...nothing, prompt: 5 }, free)).toBe(0n)
    for (const name of classes) {
      expect(costOf({ ...nothing, [name]: 1 }, { ...free, [name]: '1' })).toBe(1n)
      expect(costOf({ ...nothing, [name]: 1_000_000 }, { ...free, [name]: '1' })).toBe(1n)
      expect(costOf({ ...nothing, [name]: 1_000_001 }, { ...free, [name]: '1' })).toBe(2n)
    }
    expect(
      costOf({ prompt: 1, cached: 1, completion: 1, reasoning: 1 }, { prompt: '1', cached: '1', completion: '1', reasoning: '1' }),
    ).toBe(1n)
  })

  test('is not asked of counts or prices that are none', () => {
    for (const name of classes) {
      for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
        expect(codeOf(() => costOf({ ...nothing, [name]: wrong }, free))).toBe('misuse')
      for (const wrong of ['', '-1', '1.5', '01', '9223372036854775808'])
        expect(() => costOf(nothing, { ...free, [name]: wrong })).toThrow(NanotonError)
    }
  })
})

describe('units other than tokens', () => {
  test('cost by the same sum, where the price names them', () => {
    fc.assert(
      fc.property(used, priced, (usage, price) => {
        const unpriced = otherUnits.some(unit => usage[unit] !== undefined && price[unit] === undefined)
        if (unpriced) {
          expect(codeOf(() => costOf(usage, price))).toBe('misuse')
          return
        }
        const millionths = units.map(unit => BigInt(usage[unit] ?? 0) * BigInt(price[unit] ?? 0)).reduce((a, b) => a + b)
        const cost = costOf(usage, price)
        expect(cost * 1_000_000n >= millionths && (cost - 1n) * 1_000_000n < millionths).toBe(true)
      }),
    )
  })

  test('are not used without a price, not even none of them', () => {
    for (const unit of otherUnits) {
      expect(codeOf(() => costOf({ ...nothing, [unit]: 0 }, free))).toBe('misuse')
      expect(costOf({ ...nothing, [unit]: 3 }, { ...free, [unit]: '2000000' })).toBe(6n)
      expect(costOf(nothing, { ...free, [unit]: '2000000' })).toBe(0n)
      for (const wrong of [-1, 0.5, Number.NaN])
        expect(codeOf(() => costOf({ ...nothing, [unit]: wrong }, { ...free, [unit]: '1' }))).toBe('misuse')
    }
  })
})

describe('a price pays an offer', () => {
  test('where it is at least that for every unit the offer names', () => {
    fc.assert(
      fc.property(priced, price => {
        expect(paysAtLeast(price, price)).toBe(true)
        for (const unit of units) {
          const asked = price[unit]
          expect(paysAtLeast(price, { ...price, [unit]: `${BigInt(asked ?? 0) + 1n}` })).toBe(false)
          if (asked !== undefined && asked !== '0') expect(paysAtLeast({ ...price, [unit]: `${BigInt(asked) - 1n}` }, price)).toBe(false)
        }
      }),
    )
  })

  test('whatever else it names, and not where it lacks what the offer names', () => {
    for (const unit of otherUnits) {
      expect(paysAtLeast({ ...free, [unit]: '5' }, free)).toBe(true)
      expect(paysAtLeast(free, { ...free, [unit]: '0' })).toBe(false)
    }
  })

  test('by number and not by text', () => {
    expect(paysAtLeast({ ...free, prompt: '10' }, { ...free, prompt: '9' })).toBe(true)
    expect(paysAtLeast({ ...free, prompt: '9' }, { ...free, prompt: '10' })).toBe(false)
  })
})

test("an engine's reason becomes the finish of the same name, an older name its newer one, and any other stop", () => {
  for (const reason of ['stop', 'length', 'tool_calls', 'content_filter', 'budget', 'cancelled'] as const)
    expect(finishOf(reason)).toBe(reason)
  expect(finishOf('function_call')).toBe('tool_calls')
  for (const reason of ['error', 'eos', '', 'STOP', '__proto__', null, undefined]) expect(finishOf(reason)).toBe('stop')
})
