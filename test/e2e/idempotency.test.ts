/** Requests with an Idempotency-Key over the whole product: one charge, whatever happens to callers, memory and proxy. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { sampleRequests } from '../support/requests.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let deployment: Deployment
let count = 0
const question = (stream = false) => ({ model: 'scripted', stream, max_tokens: 50, messages: [{ role: 'user', content: 'hello' }] })

/** A key that no other test has used. */
const newKey = () => `order-${process.pid}-${++count}`

const send = (key: string, body: object = question(), path = '/v1/chat/completions', signal?: AbortSignal) => {
  const isForm = body instanceof FormData
  const headers = { authorization: `Bearer ${deployment.apiKey}`, 'idempotency-key': key }
  return deployment.post(path, body, {
    headers: isForm ? headers : { ...headers, 'content-type': 'application/json' },
    ...(signal ? { signal } : {}),
  })
}
const replayed = (response: Response) => response.headers.get('x-chrysalis-idempotent-replay') === 'true'
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string | null } }).error.code
const spent = async () => (await deployment.idle()).spent

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({ engines: [engine.url], proxy: { limits: { idempotency: { linger_ms: 1_500, memory_bytes: 200_000 } } } })
})

beforeEach(() => {
  engine.mode = 'good'
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

describe.each(sampleRequests)('$path (stream: $stream)', request => {
  test('sent twice is charged once, and both answers are the same bytes under one receipt', async () => {
    const key = newKey()
    const before = await spent()
    const asked = engine.requests.length
    const first = await send(key, request.body(), request.path)
    const bytes = Buffer.from(await first.arrayBuffer())
    const charged = await spent()
    expect(charged).toBeGreaterThan(before)
    const second = await send(key, request.body(), request.path)
    expect(Buffer.from(await second.arrayBuffer()).equals(bytes)).toBe(true)
    expect([first, second].map(replayed)).toEqual([false, true])
    for (const name of ['content-type', 'x-chrysalis-receipt', 'x-chrysalis-worker', 'x-chrysalis-evidence', 'x-chrysalis-tee'])
      expect(second.headers.get(name)).toBe(first.headers.get(name))
    expect(await spent()).toBe(charged)
    expect(engine.requests.length).toBe(asked + 1)
  })
})

describe('at the same time', () => {
  test.each([false, true])('twenty of one key are one charge and one answer (stream: %s)', async stream => {
    const key = newKey()
    const before = await spent()
    const asked = engine.requests.length
    engine.mode = 'paced'
    const texts = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await send(key, question(stream))
        return { text: await response.text(), replay: replayed(response) }
      }),
    )
    expect(new Set(texts.map(({ text }) => text)).size).toBe(1)
    expect(texts.filter(({ replay }) => !replay).length).toBe(1)
    expect(engine.requests.length).toBe(asked + 1)
    const [once] = [(await spent()) - before]
    await (await send(newKey(), question(stream))).text()
    expect((await spent()) - before).toBe(once * 2n)
  })

  test('one who joins a running stream gets what was said so far before the engine says more', async () => {
    const key = newKey()
    engine.mode = 'stepped'
    const first = await send(key, question(true))
    engine.step(2)
    const reader = first.body!.getReader()
    let seen = ''
    while (!seen.includes(' from')) seen += Buffer.from((await reader.read()).value!).toString()
    const second = await send(key, question(true))
    const other = second.body!.getReader()
    let joined = ''
    while (!joined.includes(' from')) joined += Buffer.from((await other.read()).value!).toString()
    expect(joined).not.toContain(' the')
    engine.step(4)
    for (let part = await other.read(); !part.done; part = await other.read()) joined += Buffer.from(part.value).toString()
    for (let part = await reader.read(); !part.done; part = await reader.read()) seen += Buffer.from(part.value).toString()
    expect(joined).toBe(seen)
    expect(joined).toMatch(/\[DONE\]\n\n$/)
  })
})

describe('a caller that leaves in the middle', () => {
  /** Starts a stream under `key` and leaves it after its first words. */
  const startAndLeave = async (key: string) => {
    engine.mode = 'stepped'
    const leaving = new AbortController()
    const response = await send(key, question(true), undefined, leaving.signal)
    engine.step(2)
    const reader = response.body!.getReader()
    let seen = ''
    while (!seen.includes(' from')) seen += Buffer.from((await reader.read()).value!).toString()
    leaving.abort()
    await reader.read().catch(() => {})
  }

  test('and asks again at once gets the whole answer, for one charge', async () => {
    const key = newKey()
    const before = await spent()
    const asked = engine.requests.length
    await startAndLeave(key)
    const again = await send(key, question(true))
    engine.step(4)
    const text = await again.text()
    expect(replayed(again)).toBe(true)
    expect(text).toContain('Hello')
    expect(text).toMatch(/\[DONE\]\n\n$/)
    expect(engine.requests.length).toBe(asked + 1)
    expect(await spent()).toBeGreaterThan(before)
  })

  test('and does not is charged for what was made, and the key is used: 409, which no client retries', async () => {
    const key = newKey()
    const before = await spent()
    await startAndLeave(key)
    await eventually(async () => (engine.requests.at(-1)!.leftAt === undefined ? undefined : true))
    const charged = await spent()
    expect(charged).toBeGreaterThan(before)
    engine.mode = 'good'
    const again = await send(key, question(true))
    expect(again.status).toBe(409)
    expect(again.headers.get('x-should-retry')).toBe('false')
    expect(await codeOf(again)).toBe('idempotency_key_expired')
    expect(await spent()).toBe(charged)
  })
})

describe('what was not charged', () => {
  test('may be sent again under its key, and then is charged once', async () => {
    const key = newKey()
    const before = await spent()
    engine.mode = 'status-500'
    expect((await send(key)).status).toBeGreaterThanOrEqual(500)
    expect(await spent()).toBe(before)
    engine.mode = 'good'
    expect((await send(key)).status).toBe(200)
    const charged = await spent()
    expect(charged).toBeGreaterThan(before)
    expect(replayed(await send(key))).toBe(true)
    expect(await spent()).toBe(charged)
  })
})

describe('when the answer is not kept any more', () => {
  test('because others took its room, it is a 409 and no second charge', async () => {
    const key = newKey()
    await (await send(key)).text()
    const charged = await spent()
    // Each of these takes a part of the 200 kB that there are.
    for (let other = 0; other < 100; other++) await (await send(newKey())).text()
    const before = await spent()
    expect(before).toBeGreaterThan(charged)
    const again = await send(key)
    expect([again.status, await codeOf(again)]).toEqual([409, 'idempotency_key_expired'])
    expect(await spent()).toBe(before)
  })

  test('because the proxy was killed after the charge, it is a 409; what was running when it was killed may run again', async () => {
    const [charged, running] = [newKey(), newKey()]
    await (await send(charged)).text()
    // The next charge is durable after the first one is.
    await (await send(newKey())).text()
    const before = await spent()
    engine.mode = 'hang-before-head'
    const hanging = send(running).catch(() => undefined)
    await eventually(async () => ((await deployment.account()).reserved > 0n ? true : undefined))
    deployment.proxy.signal('SIGKILL')
    await hanging
    engine.mode = 'good'
    await deployment.restartProxy()
    await eventually(async () => ((await deployment.get('/readyz')).status === 200 ? true : undefined))
    const again = await send(charged)
    expect([again.status, await codeOf(again)]).toEqual([409, 'idempotency_key_expired'])
    expect(await spent()).toBe(before)
    expect((await send(running)).status).toBe(200)
    const after = await spent()
    expect(after).toBeGreaterThan(before)
    expect(replayed(await send(running))).toBe(true)
    expect(await spent()).toBe(after)
  })

  test('nothing that callers called their requests is on disk', () => {
    const name = Buffer.from(`order-${process.pid}-`)
    expect(deployment.written().filter(({ bytes }) => bytes.includes(name))).toEqual([])
  })
})
