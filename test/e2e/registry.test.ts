/** A proxy whose policy is on the chain: what the registry's owner adds is served after the delay, what he removes is not served any more. */
import { randomBytes } from 'node:crypto'
import { toNano } from '@ton/core'
import { TonClient } from '@ton/ton'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { keyPairOf, Wallet } from '../../src/payment-channel/index.ts'
import { announceBody, encodeItem, type Item, registryAddress, registryInit, removeBody } from '../../src/policy-registry/index.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const delay = 3_600
const key = keyPairOf(randomBytes(32))
const owner = new Wallet({ client: undefined as never, key, globalId: DEV_GLOBAL_ID, clock: systemClock }).address
const measured: Item = { kind: 'measurement', register: 'mr_td', value: Buffer.from(developmentMeasurements.mrTd).toString('hex') }
const birth = { owner, delay, entries: [{ cell: encodeItem(measured), activeAt: 0 }] }
const address = registryAddress(birth)
const question = { model: 'scripted', messages: [{ role: 'user', content: 'hello' }] }

let engine: ScriptedEngine
let deployment: Deployment
let wallet: Wallet

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({
    engines: [engine.url],
    policy: policy => {
      policy.mr_td = 'registry'
    },
    proxy: { attestation: { registry: { address: address.toString(), poll_seconds: 1, max_stale_seconds: 30 } } },
  })
  wallet = new Wallet({
    client: new TonClient({ endpoint: deployment.chainUrl }),
    key,
    globalId: DEV_GLOBAL_ID,
    clock: systemClock,
    intervalMs: 50,
  })
  await dev('faucet', { address: owner.toString(), amount: toNano(10).toString() })
}, 60_000)
afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

test('nothing is served while there is no registry, and readiness says why', async () => {
  await refused()
  const response = await deployment.get('/readyz')
  expect(response.status).toBe(503)
  expect(await response.text()).toContain(`the registry ${address} is not known: no registry is deployed at ${address}`)
})

test('what it lists from its birth on is served', async () => {
  await wallet.send([{ to: address, value: nanoton(toNano('0.5')), init: registryInit(birth), bounce: false }])
  await served()
})

test('what he removes is not served from the next poll on', async () => {
  const before = engine.requests.length
  await wallet.send([{ to: address, value: nanoton(toNano('0.05')), body: removeBody(encodeItem(measured).hash()) }])
  const removedAt = performance.now()
  await refused()
  // One poll, and the verification that then refuses the worker.
  expect(performance.now() - removedAt).toBeLessThan(5_000)
  const after = engine.requests.length
  for (let times = 0; times < 10; times++) await refused()
  expect(engine.requests.length).toBe(after)
  expect(after).toBeGreaterThanOrEqual(before)
})

test('what is announced is served once the delay is over, and not sooner', async () => {
  await wallet.send([{ to: address, value: nanoton(toNano('0.05')), body: announceBody(encodeItem(measured)) }])
  await dev('advanceTime', { seconds: delay - 120 })
  for (let times = 0; times < 3; times++) await refused()
  await dev('advanceTime', { seconds: 180 })
  await served()
})

async function served(): Promise<void> {
  await eventually(async () => {
    const response = await deployment.chat(question)
    await response.text()
    return response.status === 200 ? true : undefined
  })
}

async function refused(): Promise<void> {
  await eventually(async () => {
    const response = await deployment.chat(question)
    const text = await response.text()
    return response.status === 503 && text.includes('no_attested_worker') ? true : undefined
  })
}

async function dev(method: string, params: object): Promise<void> {
  const response = await fetch(deployment.chainUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 1, jsonrpc: '2.0', method: `dev_${method}`, params }),
  })
  expect(response.status, await response.clone().text()).toBe(200)
}
