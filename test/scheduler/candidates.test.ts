import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Demand, filter, pick, type WorkerView } from '../../src/scheduler/index.ts'

const path = '/v1/chat/completions'
const endpoints = new Set([path])
const price = { prompt: 10n, cached: 5n, completion: 20n, reasoning: 20n }
const good: WorkerView = {
  id: 'a',
  models: new Map([['m', { contextLength: 1024, weights: null, endpoints, offer: price }]]),
  leaseExpiresAt: 2_000,
  restsUntil: 0,
  running: 0,
  outstandingTokens: 0,
}
const demand: Demand = { model: 'm', endpoint: path, price, tried: new Set() }

describe('filter', () => {
  test('keeps a worker with a live lease, the model, a price that covers its offer, and no rest', () => {
    expect(filter([good], demand, 1_000).eligible).toEqual([good])
  })

  test.each([
    ['no lease', { ...good, leaseExpiresAt: 0 }, 'no-lease'],
    ['a lease that ends this very moment', { ...good, leaseExpiresAt: 1_000 }, 'no-lease'],
    ['another model', { ...good, models: new Map() }, 'model'],
    [
      'a higher price for prompts',
      { ...good, models: new Map([['m', { contextLength: 1, weights: null, endpoints, offer: { ...price, prompt: 11n } }]]) },
      'price',
    ],
    [
      'a higher price for cached prompts',
      { ...good, models: new Map([['m', { contextLength: 1, weights: null, endpoints, offer: { ...price, cached: 6n } }]]) },
      'price',
    ],
    [
      'a higher price for completions',
      { ...good, models: new Map([['m', { contextLength: 1, weights: null, endpoints, offer: { ...price, completion: 21n } }]]) },
      'price',
    ],
    [
      'a higher price for reasoning',
      { ...good, models: new Map([['m', { contextLength: 1, weights: null, endpoints, offer: { ...price, reasoning: 21n } }]]) },
      'price',
    ],
    [
      'another path',
      { ...good, models: new Map([['m', { contextLength: 1, weights: null, endpoints: new Set(['/v1/embeddings']), offer: price }]]) },
      'endpoint',
    ],
    ['a rest that is not over', { ...good, restsUntil: 1_001 }, 'resting'],
  ] as const)('drops a worker with %s', (_, worker, refusal) => {
    const { eligible, refused } = filter([worker], demand, 1_000)
    expect(eligible).toEqual([])
    expect(refused.get('a')).toBe(refusal)
  })

  test('looks at no unit that is not paid here, and at any path where none is asked for', () => {
    const dear = { ...good, models: new Map([['m', { contextLength: 1, weights: null, endpoints, offer: { ...price, images: 9n } }]]) }
    expect(filter([dear], demand, 1_000).eligible).toEqual([dear])
    expect(filter([dear], { ...demand, price: { ...price, images: 9n } }, 1_000).eligible).toEqual([dear])
    expect(filter([dear], { ...demand, price: { ...price, images: 8n } }, 1_000).refused.get('a')).toBe('price')
    expect(filter([good], { ...demand, endpoint: undefined }, 1_000).eligible).toEqual([good])
  })

  test('drops a worker that already failed the request', () => {
    expect(filter([good], { ...demand, tried: new Set(['a']) }, 1_000).refused.get('a')).toBe('tried')
  })
})

describe('pick', () => {
  test('takes nobody from nobody', () => {
    expect(pick([], () => 0)).toBeUndefined()
  })

  test('takes a worker with the least outstanding work, for any load and any draw', () => {
    const views = fc.array(fc.record({ outstandingTokens: fc.nat(5), running: fc.nat(5) }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(views, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (loads, draw) => {
        const workers = loads.map((load, index) => ({ ...good, ...load, id: String(index) }))
        const chosen = pick(workers, () => draw)!
        const rank = (worker: WorkerView) => worker.outstandingTokens * 10 + worker.running
        expect(rank(chosen)).toBe(Math.min(...workers.map(rank)))
      }),
    )
  })

  test('draws between equals', () => {
    const workers = ['a', 'b', 'c'].map(id => ({ ...good, id }))
    expect([0, 0.5, 0.99].map(draw => pick(workers, () => draw)?.id)).toEqual(['a', 'b', 'c'])
  })
})
