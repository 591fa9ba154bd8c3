import { describe, expect, test } from 'vitest'
import { Breaker, Registry } from '../../src/scheduler/index.ts'

const path = '/v1/chat/completions'
const endpoints = new Set([path])
const price = { prompt: 1n, cached: 1n, completion: 1n, reasoning: 1n }
const demand = (model = 'm', tried: string[] = []) => ({ model, endpoint: path, price, tried: new Set(tried) })

function setUp(ids = ['a', 'b']) {
  const time = { now: 1_000 }
  const leases = new Map(
    ids.map(id => [id, { until: 10_000, models: new Map([['m', { contextLength: 8, weights: null, endpoints, offer: price }]]) }]),
  )
  const registry = new Registry({ now: () => time.now, draw: () => 0 })
  for (const [id, lease] of leases) registry.add(id, { models: () => lease.models, expiresAt: () => lease.until })
  return { time, leases, registry }
}

function assign(registry: Registry, tokens = 10, tried: string[] = []) {
  const place = registry.assign(demand('m', tried), tokens)
  if (!('worker' in place)) throw new Error(place.reason)
  return place
}

describe('the registry', () => {
  test('gives each request to the worker with less to do, and forgets work that ended', () => {
    const { registry } = setUp()
    const first = assign(registry)
    const second = assign(registry)
    expect([first.worker, second.worker]).toEqual(['a', 'b'])
    first.release('served')
    expect(assign(registry).worker).toBe('a')
  })

  test('counts a place once however often it is released', () => {
    const { registry } = setUp(['a'])
    const place = assign(registry)
    place.release('served')
    place.release('served')
    expect(registry.views()[0]).toMatchObject({ running: 0, outstandingTokens: 0 })
  })

  test('tells an unknown model from one whose workers have no live lease', () => {
    const { registry, time } = setUp()
    expect(registry.assign(demand('other'), 1)).toMatchObject({ reason: 'unknown-model' })
    registry.models()
    time.now = 10_000
    expect(registry.assign(demand('m'), 1)).toMatchObject({ reason: 'none' })
  })

  test('still knows a model after its lease was withdrawn whole', () => {
    const { registry, leases } = setUp(['a'])
    expect([...registry.models().keys()]).toEqual(['m'])
    leases.get('a')!.models = new Map()
    expect([...registry.models().keys()]).toEqual([])
    expect(registry.assign(demand('m'), 1)).toMatchObject({ reason: 'none' })
  })

  test('tells a model that is not served at a path, and knows the paths of all its workers', () => {
    const { registry, leases } = setUp()
    const embedding = { ...demand(), endpoint: '/v1/embeddings' }
    expect(registry.assign(embedding, 1)).toMatchObject({ reason: 'unserved-endpoint' })
    const longer = { contextLength: 9, weights: null, endpoints: new Set(['/v1/embeddings']), offer: price }
    leases.get('b')!.models = new Map([['m', longer]])
    expect(registry.models().get('m')).toMatchObject({ contextLength: 9, endpoints: new Set([path, '/v1/embeddings']) })
    expect(registry.assign(embedding, 1)).toMatchObject({ worker: 'b' })
    expect(registry.assign(demand(), 1)).toMatchObject({ worker: 'a' })
  })

  test('calls no model unknown while nobody has a live lease', () => {
    const { registry, time } = setUp()
    time.now = 10_000
    expect(registry.assign(demand('never heard of'), 1)).toMatchObject({ reason: 'none' })
  })

  test('lets a worker rest after three failures in a row, and comes back', () => {
    const { registry, time } = setUp(['a'])
    for (let n = 0; n < 3; n++) assign(registry).release('failed')
    expect(registry.assign(demand(), 1)).toMatchObject({ reason: 'none' })
    time.now += 1_000
    assign(registry).release('served')
    assign(registry).release('failed')
    assign(registry).release('failed')
    expect(assign(registry).worker).toBe('a')
  })

  test('does not hold a caller who left against the worker', () => {
    const { registry } = setUp(['a'])
    for (let n = 0; n < 5; n++) assign(registry).release('left')
    expect(assign(registry).worker).toBe('a')
  })
})

describe('the breaker', () => {
  test('doubles the rest with each further failure, up to 30 s', () => {
    const breaker = new Breaker()
    const rests = Array.from({ length: 10 }, () => {
      breaker.fail(0)
      return breaker.restsUntil
    })
    expect(rests).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })
})
