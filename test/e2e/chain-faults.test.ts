/**
 * A proxy between two endpoints of the chain, each with faults on order, under load: what callers see, what is said of the endpoint, and
 * that the books balance.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { depositBody, loadKey, readChannel, Wallet } from '../../src/payment-channel/index.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const callers = 4
const unreadSeconds = 4
const question = { model: 'scripted', messages: [{ role: 'user', content: 'hello' }] }

let engine: ScriptedEngine
let deployment: Deployment
let chain: TonClient
let charged = 0n

beforeAll(async () => {
  engine = await ScriptedEngine.start({ mode: 'paced', paceMs: 20 })
  deployment = await deploy({
    engines: [engine.url],
    chainEndpoints: ['a', 'b'],
    proxy: { payments: { poll_seconds: 1, max_unread_seconds: unreadSeconds, settle_threshold: '20000' } },
  })
  chain = new TonClient({ endpoint: deployment.chainUrl })
}, 60_000)
afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

const setFaults = (endpoint: string, rules: object[]) => dev('setFaults', { endpoint, rules })
/** Ends all faults, and waits until the proxy has read the chain since. */
const truthful = async () => {
  await Promise.all([setFaults('a', []), setFaults('b', [{ fault: 'slow', delay_ms: 1 }])])
  await eventually(async () => ((await hits('b')) >= 1 ? true : undefined))
}
const metric = async (name: string) => {
  const text = await (await deployment.get('/metrics')).text()
  return Object.fromEntries(
    Array.from(text.matchAll(new RegExp(`^${name}\\{endpoint="[^"]*/([ab])"\\} (\\S+)$`, 'gm')), ([, at, n]) => [at, Number(n)]),
  )
}
const log = () => readFileSync(join(deployment.folder, 'proxy.log'), 'utf8')
const onChain = async () => (await readChannel(chain, Address.parse(deployment.channel)))!

/** One question; what it cost is added up. */
async function ask(): Promise<string> {
  const response = await deployment.chat(question)
  const body = (await response.json()) as { usage?: { cost: string }; error?: { code: string } }
  if (body.usage) charged += BigInt(body.usage.cost)
  return response.ok ? '200' : `${response.status} ${body.error!.code}`
}

/** What callers see, all at once, until `until` passes or is so: how often each. */
async function load(until: () => boolean | Promise<boolean>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  let over = false
  const caller = async () => {
    while (!over) {
      const outcome = await ask()
      seen[outcome] = (seen[outcome] ?? 0) + 1
    }
  }
  const running = Promise.all(Array.from({ length: callers }, caller))
  await eventually(async () => ((await until()) ? true : undefined))
  over = true
  await running
  return seen
}

const hits = async (endpoint: string) => {
  const rules = await dev<{ hits: number }[]>('faults', { endpoint })
  return rules.reduce((sum, rule) => sum + rule.hits, 0)
}

describe('under load, one of two endpoints', () => {
  const faults: [string, object][] = [
    ['answers 429', { fault: 'error', status: 429 }],
    ['answers 503 in HTML', { fault: 'error', status: 503, html: true }],
    ['limits the rate', { fault: 'rate-limit', per_second: 0.5, burst: 1 }],
    ['is slow', { fault: 'slow', delay_ms: 300 }],
    ['hangs up', { fault: 'drop' }],
    ['takes messages and hangs up', { fault: 'drop', after: true }],
    ['answers half', { fault: 'garble', form: 'cut' }],
    ['answers in another shape', { fault: 'garble', form: 'shape' }],
    ['loses messages', { fault: 'swallow' }],
    ['is 3 blocks behind', { fault: 'lag', blocks: 3 }],
  ]

  test.each(faults)('that %s is not noticed by anybody, and the books balance', async (_, rule) => {
    await setFaults('b', [rule])
    const seen = await load(async () => (await hits('b')) >= 1)
    await truthful()
    expect(Object.keys(seen)).toEqual(['200'])
    const account = await deployment.idle()
    expect(account.spent).toBe(charged)
    expect((await onChain()).settled).toBeLessThanOrEqual(charged)
  })
})

describe('an endpoint that lies', () => {
  test('gets no deposit counted, is named as a security event, and stops new work only when nothing is agreed for too long', async () => {
    const before = await deployment.idle()
    await setFaults('b', [{ fault: 'lie', address: deployment.channel, balance: '999000000000' }])
    const seen = await load(async () => (await deployment.get('/readyz')).status === 503)
    expect(seen['200']).toBeGreaterThan(0)
    expect(Object.keys(seen).filter(outcome => outcome !== '200' && outcome !== '503 chain_unavailable')).toEqual([])
    const refused = await deployment.chat(question)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after-ms')).toBe('5000')
    expect(await refused.json()).toMatchObject({ error: { code: 'chain_unavailable', type: 'server_error' } })
    expect(await (await deployment.get('/readyz')).text()).toMatch(/the chain was not read since .*one of them lies/)
    expect((await metric('chrysalis_chain_endpoint_disagreements')).b).toBeGreaterThan(0)
    expect(log()).toContain('security event: an endpoint of the chain lies')
    expect((await deployment.account()).deposited).toBe(before.deposited)
    await truthful()
    await eventually(async () => ((await ask()) === '200' ? true : undefined))
    expect((await deployment.get('/readyz')).status).toBe(200)
  })

  test('a deposit counts once, when both show it', async () => {
    const before = await deployment.idle()
    await setFaults('b', [{ fault: 'lag', blocks: 40 }])
    const payer = new Wallet({
      client: chain,
      key: await loadKey(join(deployment.folder, 'keys/payer-wallet')),
      globalId: DEV_GLOBAL_ID,
      clock: systemClock,
      intervalMs: 50,
    })
    await payer.send([{ to: Address.parse(deployment.channel), value: nanoton(1_000_000_000n), body: depositBody() }])
    const deposited = await eventually(async () => {
      const { deposited } = await onChain()
      return deposited > before.deposited ? deposited : undefined
    })
    const polled = await hits('b')
    await eventually(async () => ((await hits('b')) > polled ? true : undefined))
    expect((await deployment.account()).deposited).toBe(before.deposited)
    await truthful()
    await eventually(async () => ((await deployment.account()).deposited === deposited ? true : undefined))
  })
})

test('while no endpoint answers, a stream that runs comes to its end, and all is well again once they do', async () => {
  engine.paceMs = 100
  engine.tokens = Array.from({ length: (unreadSeconds + 2) * 10 }, (_, index) => ` w${index}`)
  const stream = await deployment.chat({ ...question, stream: true, stream_options: { include_usage: true } })
  await Promise.all(['a', 'b'].map(name => setFaults(name, [{ fault: 'error', status: 502 }])))
  const text = await stream.text()
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  charged += BigInt(/"cost":"(\d+)"/.exec(text)![1]!)
  engine.paceMs = 20
  expect(await ask()).toBe('503 chain_unavailable')
  await truthful()
  await eventually(async () => ((await ask()) === '200' ? true : undefined))
})

test('at the end ledger, receipts and chain agree to the nanoTON', async () => {
  const { spent } = await deployment.idle()
  expect(spent).toBe(charged)
  await deployment.proxy.stop(18_000)
  const { settled } = await onChain()
  expect(settled).toBe(charged)
})

async function dev<T>(method: string, params: object): Promise<T> {
  const response = await fetch(deployment.chainUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 1, jsonrpc: '2.0', method: `dev_${method}`, params }),
  })
  const { result, error } = (await response.json()) as { result: T; error?: string }
  if (!response.ok) throw new Error(`dev_${method}: ${error}`)
  return result
}
