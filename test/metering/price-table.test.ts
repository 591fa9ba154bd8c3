/** Prices as they are configured: which are taken, which are refused, and which one a model has. */
import { describe, expect, test } from 'vitest'
import type { Price } from '../../src/envelope/index.ts'
import { maxNanoton, NanotonError } from '../../src/lib/nanoton.ts'
import { PriceTable, toVector } from '../../src/metering/index.ts'

const price: Price = { prompt: '1000', cached: '500', completion: '3000', reasoning: '3000' }
const dear: Price = { prompt: '9000', cached: '9000', completion: '9000', reasoning: '9000' }
const classes = ['prompt', 'cached', 'completion', 'reasoning'] as const

describe('a price table', () => {
  const table = new PriceTable({ default: price, models: { large: dear } })

  test('gives a model its own price, and any other the default', () => {
    expect(table.for('large')).toEqual(dear)
    expect(table.for('small')).toEqual(price)
    expect(new PriceTable({ default: price }).for('large')).toEqual(price)
    expect(new PriceTable({ default: price, models: undefined }).for('large')).toEqual(price)
  })

  test.each(['__proto__', 'constructor', 'toString', ''])('gives the default to a model called "%s"', model => {
    expect(table.for(model)).toEqual(price)
  })

  test('gives the same price as exact numbers', () => {
    expect(table.vectorFor('small')).toEqual({ prompt: 1000n, cached: 500n, completion: 3000n, reasoning: 3000n })
    expect(table.vectorFor('large')).toEqual({ prompt: 9000n, cached: 9000n, completion: 9000n, reasoning: 9000n })
  })

  test.each(classes)('takes 0 and the largest amount as the price of %s', name => {
    for (const text of ['0', maxNanoton.toString()])
      expect(new PriceTable({ default: { ...price, [name]: text } }).vectorFor('any')[name]).toBe(BigInt(text))
  })

  const notAmounts: [string, unknown][] = [
    ['negative', '-1'],
    ['a fraction', '1.5'],
    ['in exponents', '1e3'],
    ['hexadecimal', '0x10'],
    ['written with a leading zero', '01'],
    ['written with a plus', '+1'],
    ['written with spaces', ' 1'],
    ['written with an underscore', '1_000'],
    ['written in other digits', '١'],
    ['followed by a line break', '1\n'],
    ['empty', ''],
    ['above the largest amount', (maxNanoton + 1n).toString()],
    ['far above the largest amount', '9'.repeat(40)],
    ['a number', 1000],
    ['a bigint', 1000n],
    ['null', null],
    ['missing', undefined],
  ]
  describe.each(notAmounts)('is refused where a price is %s', (_, text) => {
    test.each(classes)('of %s', name => {
      const broken = { ...price, [name]: text } as Price
      expect(() => toVector(broken)).toThrow(NanotonError)
      expect(() => new PriceTable({ default: broken })).toThrow(NanotonError)
      expect(() => new PriceTable({ default: price, models: { large: dear, small: broken } })).toThrow(NanotonError)
    })
  })
})
