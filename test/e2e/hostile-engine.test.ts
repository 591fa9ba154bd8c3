/** An engine that is hostile or broken, behind the whole product: what the caller sees, what is charged, and that nothing dies of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy, price } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { type EngineMode, ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let deployment: Deployment

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({
    engines: [engine.url],
    worker: {
      limits: { engine_first_byte_ms: 400, engine_idle_ms: 400, engine_total_ms: 3_000, answer_bytes: 262_144, event_bytes: 65_536 },
    },
  })
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

const question = (stream: boolean) => ({
  model: 'scripted',
  stream,
  max_tokens: 50,
  messages: [{ role: 'user', content: 'TOP SECRET question' }],
})
/** What a good answer of the scripted engine costs: 12 prompt and 6 completion tokens. */
const fair = (12n * BigInt(price.prompt) + 6n * BigInt(price.completion)) / 1_000_000n

interface Seen {
  readonly status: number
  readonly text: string
  readonly receipt: string | null
}

async function ask(mode: EngineMode, stream: boolean): Promise<Seen & { charged: bigint }> {
  const before = await deployment.idle()
  engine.mode = mode
  try {
    const response = await deployment.chat(question(stream))
    const seen = { status: response.status, text: await response.text(), receipt: response.headers.get('x-chrysalis-receipt') }
    const after = await deployment.idle()
    return { ...seen, charged: after.spent - before.spent }
  } finally {
    engine.mode = 'good'
    // A success in between, so that failures in a row do not let the worker rest.
    expect((await deployment.chat(question(false))).status).toBe(200)
  }
}

/** Each charge equals a receipt that the account can fetch. */
async function expectReceipt({ receipt, charged }: { receipt: string | null; charged: bigint }): Promise<void> {
  const found = await deployment.get(`/v1/receipts/${receipt}`)
  if (found.status === 404) expect(charged).toBe(0n)
  else expect(BigInt(((await found.json()) as { cost: string }).cost)).toBe(charged)
}

describe('the yardstick', () => {
  test.each([false, true])('a good answer costs its tokens to the nanoTON (stream: %s)', async stream => {
    const seen = await ask('good', stream)
    expect(seen.status).toBe(200)
    expect(seen.charged).toBe(fair)
    await expectReceipt(seen)
  })
})

const broken: EngineMode[] = ['hang-before-head', 'html', 'garbage', 'wrong-json', 'status-404-html', 'status-500', 'refuse-connection']

describe.each(broken)('an engine that is broken from the start: %s', mode => {
  test.each([false, true])('is a 502 with an error body, and costs nothing (stream: %s)', async stream => {
    const seen = await ask(mode, stream)
    if (stream && seen.status === 200) expect(seen.text).not.toContain('[DONE]')
    else {
      expect(seen.status).toBe(502)
      expect(JSON.parse(seen.text)).toMatchObject({
        error: { type: 'server_error', code: 'engine_failed', param: null, message: expect.any(String) },
      })
    }
    expect(seen.charged).toBe(0n)
    await expectReceipt(seen)
  })
})

const breaking: EngineMode[] = ['hang-in-answer', 'half-answer', 'error-in-stream', 'close-before-done', 'huge-line', 'endless']

describe.each(breaking)('an engine that breaks on the way: %s', mode => {
  test('never looks whole in a stream, and costs at most what was made', async () => {
    const seen = await ask(mode, true)
    expect(seen.status).toBe(200)
    if (mode === 'endless') {
      // More than was asked for is cut at the caller's own limit.
      expect(seen.charged).toBeLessThanOrEqual(12n * 20n + 50n * 60n)
    } else {
      expect(seen.text).not.toContain('[DONE]')
      expect(seen.text).toContain('"error"')
      expect(seen.charged).toBeLessThanOrEqual(fair)
    }
    await expectReceipt(seen)
  })

  test('is a 502 in JSON, and costs nothing', async () => {
    const seen = await ask(mode, false)
    expect(seen.status).toBe(502)
    expect(seen.charged).toBe(0n)
    await expectReceipt(seen)
  })
})

describe('an engine that lies about usage', () => {
  test.each([false, true])('too high: the charge stays within what was seen (stream: %s)', async stream => {
    const seen = await ask('usage-too-high', stream)
    expect(seen.charged).toBeLessThan(10_000n)
    await expectReceipt(seen)
  })

  test.each(['usage-too-low', 'usage-negative', 'usage-missing'] as const)('%s: the charge is what was seen', async mode => {
    for (const stream of [false, true]) {
      const seen = await ask(mode, stream)
      expect(seen.charged).toBeLessThanOrEqual(10_000n)
      await expectReceipt(seen)
    }
  })
})

describe('an engine that refuses', () => {
  test('its 400 and 429 reach the caller with all four members', async () => {
    for (const [mode, status] of [
      ['status-400', 400],
      ['status-429', 429],
    ] as const) {
      const seen = await ask(mode, false)
      expect(seen.status).toBe(status)
      expect(Object.keys((JSON.parse(seen.text) as { error: object }).error).sort()).toEqual(['code', 'message', 'param', 'type'])
      expect(seen.charged).toBe(0n)
    }
  })
})

describe('a caller who leaves', () => {
  test('stops the engine within 50 ms, and is charged for what was made', async () => {
    engine.mode = 'paced'
    engine.tokens = Array.from({ length: 400 }, (_, index) => ` w${index}`)
    const delays: number[] = []
    for (let turn = 0; turn < 9; turn++) {
      const before = await deployment.idle()
      const asked = engine.requests.length
      const leaving = new AbortController()
      const response = await deployment.chat({ ...question(true), max_tokens: 400 }, { signal: leaving.signal })
      const reader = response.body!.getReader()
      let text = ''
      while (!text.includes('w3')) text += Buffer.from((await reader.read()).value ?? []).toString('utf8')
      const left = performance.now()
      leaving.abort()
      const request = await engine.asked(asked + 1)
      await request.closed
      delays.push(request.leftAt! - left)
      const after = await deployment.idle()
      const receipt = (await (await deployment.get(`/v1/receipts/${response.headers.get('x-chrysalis-receipt')}`)).json()) as {
        cost: string
      }
      expect(after.spent - before.spent).toBe(BigInt(receipt.cost))
      expect(after.spent).toBeGreaterThan(before.spent)
      expect(after.spent - before.spent).toBeLessThan(12n * 20n + 400n * 60n)
    }
    engine.mode = 'good'
    expect(delays.sort((a, b) => a - b)[4]).toBeLessThan(50)
  })
})

describe('after all of that', () => {
  test('both processes live, nothing is reserved, and no log holds what was said', async () => {
    expect((await deployment.get('/healthz')).status).toBe(200)
    expect((await fetch(`${deployment.workers.get('worker-1')!.ready.url}/healthz`)).status).toBe(200)
    expect((await deployment.idle()).reserved).toBe(0n)
    await eventually(async () =>
      deployment.written().some(({ file, bytes }) => file === 'proxy.log' && bytes.length > 0) ? true : undefined,
    )
    for (const { file, bytes } of deployment.written())
      expect({ file, found: bytes.includes('TOP SECRET') }).toEqual({ file, found: false })
  })
})
