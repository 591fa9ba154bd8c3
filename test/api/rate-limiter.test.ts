/** Limits of a key: each with one request that fits and one that does not, and properties over any history. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, rateLimitError, rateLimitHeaders } from '../../src/api/rate-limit-headers.ts'
import { Admission, RateLimiter, type Refusal } from '../../src/api/rate-limiter.ts'

const limits = { requestsPerMinute: 6, tokensPerMinute: 600, concurrent: 3 }
const start = 1_800_000_000_000

function admitted(result: Admission | Refusal): Admission {
  expect(result).toBeInstanceOf(Admission)
  return result as Admission
}

describe('requests a minute', () => {
  test('fit up to the limit at once, and the next one is told when it will', () => {
    const limiter = new RateLimiter({ limits })
    for (let count = 0; count < 6; count++) admitted(limiter.admit('k', start)).end(0, start)
    expect(limiter.admit('k', start)).toEqual({ limit: 'requests', retryAfterMs: 10_000 })
    expect(limiter.admit('k', start + 9_999)).toEqual({ limit: 'requests', retryAfterMs: 1 })
    admitted(limiter.admit('k', start + 10_000))
  })

  test('are counted for each key apart', () => {
    const limiter = new RateLimiter({ limits: { ...limits, requestsPerMinute: 1 } })
    admitted(limiter.admit('a', start))
    expect(limiter.admit('a', start)).toMatchObject({ limit: 'requests' })
    admitted(limiter.admit('b', start))
  })

  test('come back when a request was refused after all', () => {
    const limiter = new RateLimiter({ limits: { ...limits, requestsPerMinute: 1 } })
    const admission = admitted(limiter.admit('k', start))
    expect(admission.takeTokens(600, start)).toBeUndefined()
    admission.giveBack(start)
    admission.giveBack(start)
    expect(limiter.allowances('k', start)).toMatchObject({ requests: { remaining: 1 }, tokens: { remaining: 600 } })
    expect(limiter.running('k')).toBe(0)
  })
})

describe('tokens a minute', () => {
  test('are taken at the worst case and corrected to what was used', () => {
    const limiter = new RateLimiter({ limits })
    const first = admitted(limiter.admit('k', start))
    expect(first.takeTokens(600, start)).toBeUndefined()
    expect(admitted(limiter.admit('k', start)).takeTokens(1, start)).toEqual({ limit: 'tokens', retryAfterMs: 100 })
    first.end(100, start)
    expect(limiter.allowances('k', start).tokens).toEqual({ limit: 600, remaining: 500, resetMs: 10_000 })
  })

  test('used beyond what was taken are owed', () => {
    const limiter = new RateLimiter({ limits })
    const first = admitted(limiter.admit('k', start))
    first.takeTokens(10, start)
    first.end(1_200, start)
    expect(limiter.allowances('k', start).tokens).toEqual({ limit: 600, remaining: 0, resetMs: 120_000 })
    expect(admitted(limiter.admit('k', start)).takeTokens(600, start)).toEqual({ limit: 'tokens', retryAfterMs: 120_000 })
  })

  test('that never fit are refused without a time', () => {
    expect(admitted(new RateLimiter({ limits }).admit('k', start)).takeTokens(601, start)).toEqual({
      limit: 'tokens',
      retryAfterMs: undefined,
    })
  })

  test('given back late never make the bucket fuller than full', () => {
    const limiter = new RateLimiter({ limits })
    const slow = admitted(limiter.admit('k', start))
    slow.takeTokens(600, start)
    slow.end(0, start + 60_000)
    expect(limiter.allowances('k', start + 60_000).tokens.remaining).toBe(600)
  })
})

describe('requests at once', () => {
  test('have a place each, free again when they end, however often that is said', () => {
    const limiter = new RateLimiter({ limits })
    const running = [1, 2, 3].map(() => admitted(limiter.admit('k', start)))
    expect(limiter.admit('k', start)).toEqual({ limit: 'concurrent', retryAfterMs: 1_000 })
    running[0]!.end(0, start)
    running[0]!.end(0, start)
    running[0]!.giveBack(start)
    expect(limiter.running('k')).toBe(2)
    admitted(limiter.admit('k', start))
    expect(limiter.admit('k', start)).toMatchObject({ limit: 'concurrent' })
  })

  test('refused for want of a place take nothing else', () => {
    const limiter = new RateLimiter({ limits: { ...limits, concurrent: 1 } })
    admitted(limiter.admit('k', start))
    limiter.admit('k', start)
    expect(limiter.allowances('k', start).requests.remaining).toBe(5)
  })

  test('are remembered however many other keys come', () => {
    const limiter = new RateLimiter({ limits: { ...limits, concurrent: 1 }, maxKeys: 2 })
    const admission = admitted(limiter.admit('k', start))
    for (const other of ['a', 'b', 'c']) admitted(limiter.admit(other, start)).end(0, start)
    expect(limiter.admit('k', start)).toMatchObject({ limit: 'concurrent' })
    admission.end(0, start)
    admitted(limiter.admit('k', start))
  })
})

test('a clock that is set back refills nothing and locks nobody out', () => {
  const limiter = new RateLimiter({ limits: { ...limits, requestsPerMinute: 1 } })
  admitted(limiter.admit('k', start)).end(0, start)
  expect(limiter.admit('k', start - 3_600_000)).toEqual({ limit: 'requests', retryAfterMs: 60_000 })
  admitted(limiter.admit('k', start - 3_540_000))
})

describe('over any history', () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 20_000 }),
    worst: fc.integer({ min: 1, max: 700 }),
    used: fc.double({ min: 0, max: 1, noNaN: true }),
  })

  test('what was let in within any span is at most one bucket and what flows in meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), steps => {
        const limiter = new RateLimiter({ limits: { ...limits, concurrent: 1_000 } })
        const served: { at: number; tokens: number }[] = []
        let now = start
        for (const { wait, worst, used } of steps) {
          now += wait
          const admission = limiter.admit('k', now)
          if (!(admission instanceof Admission)) continue
          if (admission.takeTokens(worst, now)) {
            admission.giveBack(now)
            continue
          }
          const tokens = Math.floor(worst * used)
          admission.end(tokens, now)
          served.push({ at: now, tokens })
        }
        for (const [first, { at: from }] of served.entries()) {
          let tokens = 0
          for (const [last, { at, tokens: more }] of served.entries()) {
            if (last < first) continue
            tokens += more
            const minutes = (at - from) / 60_000
            expect(last - first + 1).toBeLessThanOrEqual(6 + 6 * minutes + 1e-6)
            expect(tokens).toBeLessThanOrEqual(600 + 600 * minutes + 1e-6)
          }
        }
      }),
    )
  })

  test('who waits as long as a refusal says is let in, where a float would still miss a trillionth', () => {
    const limiter = new RateLimiter({ limits: { ...limits, concurrent: 1_000 } })
    const steps = [
      [0, 7],
      [639, 14],
      [0, 501],
      [4_592, 43],
      [9_553, 311],
      [6_451, 489],
      [0, 1],
    ] as const
    let now = start
    for (const [wait, worst] of steps) {
      now += wait
      const asked = limiter.admit('k', now)
      if (!(asked instanceof Admission)) now += asked.retryAfterMs!
      const admission = asked instanceof Admission ? asked : admitted(limiter.admit('k', now))
      const refusal = admission.takeTokens(worst, now)
      if (refusal?.retryAfterMs === undefined) continue
      now += refusal.retryAfterMs
      expect(admission.takeTokens(worst, now)).toBeUndefined()
    }
  })

  test('who waits as long as a refusal says is let in', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), steps => {
        const limiter = new RateLimiter({ limits: { ...limits, concurrent: 1_000 } })
        let now = start
        for (const { wait, worst } of steps) {
          now += wait
          let admission = limiter.admit('k', now)
          if (!(admission instanceof Admission)) {
            now += admission.retryAfterMs!
            admission = limiter.admit('k', now)
          }
          const refusal = admitted(admission).takeTokens(worst, now)
          if (refusal?.retryAfterMs === undefined) continue
          now += refusal.retryAfterMs
          expect(admitted(admission).takeTokens(worst, now)).toBeUndefined()
        }
      }),
    )
  })

  test('who waits as long as a refusal says is let in, and no millisecond before, where a token takes no whole number of them', () => {
    for (const perMinute of [7, 700, 59_999, 60_001, 1_000_003]) {
      const limiter = new RateLimiter({ limits: { ...limits, tokensPerMinute: perMinute } })
      const admission = admitted(limiter.admit('k', start))
      expect(admission.takeTokens(perMinute, start)).toBeUndefined()
      const { retryAfterMs } = admission.takeTokens(1, start)!
      expect(admission.takeTokens(1, start + retryAfterMs! - 1)).toBeDefined()
      expect(admission.takeTokens(1, start + retryAfterMs!)).toBeUndefined()
    }
  })

  test('requests that are all given back leave the buckets as they would have been', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const limiter = new RateLimiter({ limits })
        let now = start
        for (const { wait, worst } of steps) {
          now += wait
          const admission = admitted(limiter.admit('k', now))
          admission.takeTokens(worst, now)
          admission.giveBack(now)
          expect(limiter.allowances('k', now)).toMatchObject({ requests: { remaining: 6 }, tokens: { remaining: 600 } })
          expect(limiter.running('k')).toBe(0)
        }
      }),
    )
  })
})

describe('what is told', () => {
  test.each([
    [0, '0s'],
    [0.2, '1ms'],
    [12, '12ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_001, '2s'],
    [59_001, '1m0s'],
    [360_000, '6m0s'],
    [361_500, '6m2s'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  test('the six headers', () => {
    const limiter = new RateLimiter({ limits })
    admitted(limiter.admit('k', start)).takeTokens(60, start)
    expect(rateLimitHeaders(limiter.allowances('k', start))).toEqual({
      'x-ratelimit-limit-requests': '6',
      'x-ratelimit-limit-tokens': '600',
      'x-ratelimit-remaining-requests': '5',
      'x-ratelimit-remaining-tokens': '540',
      'x-ratelimit-reset-requests': '10s',
      'x-ratelimit-reset-tokens': '6s',
    })
  })

  test('a refusal says when to come again, seconds rounded up', () => {
    const error = rateLimitError({ limit: 'requests', retryAfterMs: 1_001 }, limits)
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    expect(error.headers).toEqual({ 'retry-after-ms': '1001', 'retry-after': '2' })
    expect(error.message).toContain('6 requests a minute')
  })

  test('a request that never fits is not to be sent again', () => {
    const error = rateLimitError({ limit: 'tokens', retryAfterMs: undefined }, limits)
    expect(error.headers).toEqual({ 'x-should-retry': 'false' })
  })
})
