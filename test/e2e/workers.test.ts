/** Two workers, one of which dies; a worker that the policy does not accept. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy, price } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const question = (stream: boolean) => ({ model: 'scripted', stream, max_tokens: 300, messages: [{ role: 'user', content: 'hello' }] })

describe('two workers', () => {
  let engines: ScriptedEngine[]
  let deployment: Deployment

  beforeAll(async () => {
    engines = await Promise.all([ScriptedEngine.start(), ScriptedEngine.start()])
    deployment = await deploy({ engines: engines.map(engine => engine.url) })
  })
  afterAll(async () => {
    await deployment?.stop()
    await Promise.all(engines?.map(engine => engine.close()) ?? [])
  })

  test('share the work', async () => {
    await Promise.all(Array.from({ length: 12 }, () => deployment.chat(question(false)).then(response => response.text())))
    expect(engines.every(engine => engine.requests.length > 0)).toBe(true)
  })

  test.each([false, true])(
    'an engine that fails before the first byte is replaced by the other worker’s, silently (stream: %s)',
    async stream => {
      const [failing, good] = engines as [ScriptedEngine, ScriptedEngine]
      failing.mode = 'status-500'
      good.tokens = [' one']
      const asked = failing.requests.length
      // Equals are drawn between: it takes some turns until the failing one is asked first.
      while (failing.requests.length === asked) {
        const before = await deployment.idle()
        const response = await deployment.chat(question(stream))
        expect(response.status).toBe(200)
        expect(response.headers.get('x-chrysalis-worker')).toBe('worker-2')
        expect(await response.text()).toContain(' one')
        expect((await deployment.idle()).spent - before.spent).toBe((12n * BigInt(price.prompt) + BigInt(price.completion)) / 1_000_000n)
      }
      failing.mode = 'good'
    },
  )

  test('one killed in the middle of an answer: the caller sees an error and no [DONE], and pays what the last checkpoint says', async () => {
    for (const engine of engines) {
      engine.mode = 'paced'
      engine.paceMs = 2
      engine.tokens = Array.from({ length: 300 }, (_, index) => ` w${index}`)
    }
    const before = await deployment.idle()
    const response = await deployment.chat(question(true))
    const victim = response.headers.get('x-chrysalis-worker')!
    const decoder = new TextDecoder()
    let text = ''
    let killed = false
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk, { stream: true })
      if (!killed && text.includes('w100"')) {
        killed = true
        deployment.workers.get(victim)!.signal('SIGKILL')
      }
    }
    expect(killed).toBe(true)
    expect(text).toContain('"error"')
    expect(text).not.toContain('[DONE]')
    const after = await deployment.idle()
    const made = 12n * 20n + 300n * 60n
    expect(after.spent - before.spent).toBeGreaterThan(0n)
    expect(after.spent - before.spent).toBeLessThan(made)
    const receipt = (await (await deployment.get(`/v1/receipts/${response.headers.get('x-chrysalis-receipt')}`)).json()) as {
      cost: string
      receipt: string
    }
    expect(BigInt(receipt.cost)).toBe(after.spent - before.spent)
    const claims = JSON.parse(Buffer.from(receipt.receipt, 'base64').subarray(2, -64).toString('utf8')) as {
      finish: unknown
      usage: { completion: number }
    }
    expect(claims.finish).toBeNull()
    expect(claims.usage.completion).toBeGreaterThanOrEqual(64)
  })

  test('the other one answers every request from then on, and no caller notices', async () => {
    for (const engine of engines) engine.mode = 'good'
    for (let turn = 0; turn < 8; turn++) {
      const response = await deployment.chat(question(turn % 2 === 0))
      expect(response.status).toBe(200)
      expect(await response.text()).toMatch(turn % 2 === 0 ? /\[DONE\]\n\n$/ : /"finish_reason":"stop"/)
    }
  })

  test('both gone: 502 or 503 with an error body, nothing is charged, the proxy lives', async () => {
    const before = await deployment.idle()
    for (const worker of deployment.workers.values()) worker.signal('SIGKILL')
    await Promise.all(Array.from(deployment.workers.values(), worker => worker.exited))
    const response = await deployment.chat(question(false))
    expect([502, 503]).toContain(response.status)
    expect(await response.json()).toMatchObject({ error: { type: 'server_error' } })
    expect((await deployment.idle()).spent).toBe(before.spent)
    expect((await deployment.get('/healthz')).status).toBe(200)
  })
})

describe('a policy that does not name the worker’s measurement', () => {
  let engine: ScriptedEngine
  let deployment: Deployment

  beforeAll(async () => {
    engine = await ScriptedEngine.start()
    deployment = await deploy({
      engines: [engine.url],
      policy: policy => {
        policy.mr_td = ['ab'.repeat(48)]
      },
    })
  })
  afterAll(async () => {
    await deployment?.stop()
    await engine?.close()
  })

  test('lets no prompt leave: 503 no_attested_worker, not ready, the engine never asked, the reason on the operator’s page', async () => {
    const response = await deployment.chat(question(false))
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ error: { code: 'no_attested_worker', type: 'server_error' } })
    expect((await deployment.get('/readyz')).status).toBe(503)
    expect(engine.requests).toEqual([])
    const login = await fetch(`${deployment.origin}/console/login`, {
      method: 'POST',
      body: new URLSearchParams({ key: 'an operator key for tests' }),
      redirect: 'manual',
    })
    const page = await eventually(async () => {
      const page = await fetch(`${deployment.origin}/console`, { headers: { cookie: login.headers.get('set-cookie')!.split(';')[0]! } })
      const text = await page.text()
      return /MRTD is [0-9a-f]{96}, which is not in the policy/.test(text) ? text : undefined
    })
    // Each check, those that passed before it too.
    expect(page).toMatch(/<li class="good">quote is signed by the attestation key<\/li>/)
    expect(page).toMatch(/<li class="bad">MRTD is in the policy<\/li>/)
  })

  test('is told to the worker, and counted check by check', async () => {
    const log = () => readFileSync(join(deployment.folder, 'worker-1.log'), 'utf8')
    await eventually(async () => (log().includes('a proxy does not accept this worker') ? true : undefined))
    expect(log()).toMatch(/"code":"policy-refused","reasons":\["MRTD is [0-9a-f]{96}, which is not in the policy"\]/)
    const metrics = await (await deployment.get('/metrics')).text()
    expect(metrics).toContain('chrysalis_worker_check{worker="worker-1",check="MRTD is in the policy"} 0')
    expect(metrics).toContain('chrysalis_worker_check{worker="worker-1",check="quote is signed by the attestation key"} 1')
    expect(metrics).toContain('chrysalis_worker_lease_end_seconds{worker="worker-1"} 0')
    expect(metrics).toMatch(/chrysalis_worker_verdicts_total\{worker="worker-1",code="policy-refused"\} [1-9]/)
  })
})
