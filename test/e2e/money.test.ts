/** Money over the whole product: nothing without cover, nothing twice, nothing lost by a kill, everything settled at a stop. */
import { readFileSync } from 'node:fs'
import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { readChannel } from '../../src/payment-channel/index.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let deployment: Deployment
/** 0.06 TON a completion token: with 50 of them a request reserves a good 3 TON, of the 10 there are. */
const dear = { prompt: '0', cached: '0', completion: '60000000000000', reasoning: '60000000000000' }
const question = (maxTokens: number, stream = false) => ({
  model: 'scripted',
  stream,
  max_tokens: maxTokens,
  messages: [{ role: 'user', content: 'hello' }],
})

beforeAll(async () => {
  engine = await ScriptedEngine.start({ tokens: [' one'] })
  deployment = await deploy({ engines: [engine.url], proxy: { pricing: { default: dear } }, worker: { offer: { default: dear } } })
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

const onChain = async () => readChannel(new TonClient({ endpoint: deployment.chainUrl }), Address.parse(deployment.channel))

describe('a balance that does not cover the worst case', () => {
  test('is a 402 that is not retried, and the engine is never called', async () => {
    const asked = engine.requests.length
    const response = await deployment.chat(question(200))
    expect(response.status).toBe(402)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(await response.json()).toMatchObject({ error: { type: 'insufficient_quota', code: 'insufficient_quota', param: null } })
    expect(engine.requests.length).toBe(asked)
    const account = await deployment.account()
    expect(account.reserved).toBe(0n)
    const { accepts } = JSON.parse(Buffer.from(response.headers.get('payment-required')!, 'base64').toString())
    const { amount, payTo, network, extra } = accepts[0]
    expect({ payTo, network }).toEqual({ payTo: deployment.channel, network: `tvm:${DEV_GLOBAL_ID}` })
    expect(BigInt(extra.required)).toBeGreaterThan(account.available)
    expect(BigInt(extra.ceiling)).toBe(account.spent + BigInt(extra.required))
    expect(BigInt(amount)).toBe(BigInt(extra.ceiling) - account.deposited)
    expect(BigInt(extra.available)).toBe(account.available)
  })
})

describe('many requests at once', () => {
  test('never reserve more than there is: three fit, the rest are refused before the engine', async () => {
    engine.mode = 'paced'
    engine.paceMs = 300
    const before = await deployment.idle()
    const asked = engine.requests.length
    const status = async () => {
      const response = await deployment.chat(question(50, true))
      await response.text()
      return response.status
    }
    const statuses = await Promise.all(Array.from({ length: 20 }, status))
    engine.mode = 'good'
    expect(statuses.filter(one => one === 200).length).toBe(3)
    expect(statuses.filter(one => one === 402).length).toBe(17)
    expect(engine.requests.length - asked).toBe(3)
    const after = await deployment.idle()
    expect(after.spent - before.spent).toBe(3n * 60_000_000n)
    expect(after.available).toBe(after.authorised - after.spent)
  })
})

describe('a proxy that is killed', () => {
  test('loses no posted charge, and what it had reserved is free again', async () => {
    const before = await deployment.idle()
    expect((await deployment.chat(question(10))).status).toBe(200)
    const posted = await deployment.idle()
    expect(posted.spent - before.spent).toBe(60_000_000n)
    engine.mode = 'hang-before-head'
    const hanging = deployment.chat(question(10)).catch(() => undefined)
    await eventually(async () => ((await deployment.account()).reserved > 0n ? true : undefined))
    deployment.proxy.signal('SIGKILL')
    await hanging
    engine.mode = 'good'
    await deployment.restartProxy()
    const after = await deployment.account()
    expect(after).toMatchObject({
      channel: posted.channel,
      spent: posted.spent,
      reserved: 0n,
      deposited: posted.deposited,
      authorised: posted.authorised,
    })
    await eventually(async () => ((await deployment.get('/readyz')).status === 200 ? true : undefined))
    expect((await deployment.chat(question(10))).status).toBe(200)
  })
})

describe('a proxy that is stopped', () => {
  test('settles all it is owed, once, and goes on from there', async () => {
    const before = await deployment.idle()
    expect((await onChain())!.settled).toBeLessThan(before.spent)
    await deployment.proxy.stop(18_000)
    expect((await onChain())!.settled).toBe(before.spent)
    await deployment.restartProxy()
    const after = await deployment.account()
    expect(after.settled).toBe(before.spent)
    expect(after.spent).toBe(before.spent)
    await deployment.proxy.stop(18_000)
    expect((await onChain())!.settled).toBe(before.spent)
    await deployment.restartProxy()
  })
})

describe('a proxy that is already running', () => {
  test('keeps a second one off its ledger', async () => {
    await expect(deployment.restartWhileRunning()).rejects.toThrow(/another process has .* open/)
    expect((await deployment.get('/healthz')).status).toBe(200)
  })
})

describe('the operator’s page', () => {
  test('shows account, worker and the last requests, and nothing of it without the operator’s key', async () => {
    const key = readFileSync(`${deployment.folder}/operator-key`, 'utf8').trim()
    const page = (headers: Record<string, string>, path = '/console') => fetch(deployment.origin + path, { headers, redirect: 'manual' })
    expect((await page({})).status).toBe(401)
    expect((await page({ authorization: `Bearer ${deployment.apiKey}` })).status).toBe(401)
    const minted = await fetch(`${deployment.origin}/console/tokens`, { method: 'POST', headers: { authorization: `Bearer ${key}` } })
    const { token } = (await minted.json()) as { token: string }
    const entered = await page({}, `/console?token=${token}`)
    expect(entered.status).toBe(303)
    const cookie = entered.headers.get('set-cookie')!
    expect(cookie).toMatch(/HttpOnly/i)
    const shown = await (await page({ cookie: cookie.split(';')[0]! })).text()
    for (const part of [deployment.channel, 'worker-1', 'simulated', 'Settled on chain', '60000000']) expect(shown).toContain(part)
    expect(shown).not.toContain(deployment.apiKey)
    expect((await page({}, `/console?token=${token}`)).status).toBe(401)
    expect(
      (await fetch(`${deployment.origin}/console/tokens`, { method: 'POST', headers: { authorization: `Bearer ${deployment.apiKey}` } }))
        .status,
    ).toBe(401)
  })
})
