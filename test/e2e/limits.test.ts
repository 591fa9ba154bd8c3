/** The limits of a key over the whole product: the worst case is taken before money is, and the receipt corrects it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let deployment: Deployment
const dear = { prompt: '0', cached: '0', completion: '60000000000000', reasoning: '60000000000000' }
const perKey = { requests_per_minute: 1_000, tokens_per_minute: 2_000, concurrent: 2 }
const question = (maxTokens: number, stream = false) => ({
  model: 'scripted',
  stream,
  max_tokens: maxTokens,
  messages: [{ role: 'user', content: 'hello' }],
})
const remaining = (response: Response) => Number(response.headers.get('x-ratelimit-remaining-tokens'))

beforeAll(async () => {
  engine = await ScriptedEngine.start({ tokens: [' one'] })
  deployment = await deploy({
    engines: [engine.url],
    proxy: { limits: { per_key: perKey }, pricing: { default: dear } },
    worker: { offer: { default: dear } },
  })
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

describe('tokens a minute', () => {
  test('are taken at the worst case while a request runs, and corrected to its receipt', async () => {
    const first = await deployment.chat(question(100, true))
    // The body, what a template may add, and 100 tokens of answer.
    expect(remaining(first)).toBeLessThan(1_900)
    expect(remaining(first)).toBeGreaterThan(1_500)
    await first.text()
    // 12 tokens of prompt and one of answer were used: only those are gone, and the second's worst case is the first's.
    const used = 13
    const second = await deployment.chat(question(100, true))
    expect(remaining(second)).toBeLessThan(1_900)
    expect(remaining(second)).toBeGreaterThanOrEqual(remaining(first) - used)
    await second.text()
    // The head of an answer in one piece goes out behind its receipt, and counts what was used.
    expect(remaining(await deployment.chat(question(100)))).toBeGreaterThanOrEqual(2_000 - 3 * used)
  })

  test('that a request may pass refuse it before anything is reserved', async () => {
    const asked = engine.requests.length
    const before = await deployment.idle()
    const response = await deployment.chat(question(4_000))
    expect(response.status).toBe(429)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(await response.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } })
    expect(await deployment.account()).toEqual(before)
    expect(engine.requests.length).toBe(asked)
  })

  test('are not taken where the balance refuses', async () => {
    const before = remaining(await deployment.chat(question(10)))
    for (let count = 0; count < 20; count++) expect((await deployment.chat(question(1_000))).status).toBe(402)
    expect(remaining(await deployment.chat(question(10)))).toBeGreaterThan(before - 100)
  })
})

describe('requests at once', () => {
  test('are counted until the answer has ended, or its caller has gone', async () => {
    engine.mode = 'hang-before-head'
    const leaving = new AbortController()
    const send = () =>
      deployment.chat(question(5), {
        headers: { authorization: `Bearer ${deployment.apiKey}`, 'content-type': 'application/json' },
        signal: leaving.signal,
      })
    const asked = engine.requests.length
    const running = [send(), send()].map(sent => sent.catch(() => undefined))
    await engine.asked(asked + 2)
    const third = await deployment.chat(question(5))
    expect(third.status).toBe(429)
    expect(third.headers.get('retry-after-ms')).toBe('1000')
    leaving.abort()
    await Promise.all(running)
    engine.mode = 'good'
    await eventually(async () => ((await deployment.chat(question(5))).status === 200 ? true : undefined))
  })
})
