/**
 * The proxy is killed at points by chance within settlements and closes, each before or after the chain heard of the call; and payers who
 * close while it is away. Whatever happens: the chain and the ledger agree, nothing is paid twice, nothing is lost.
 */
import { randomInt } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authorize } from '../../src/channel/authorize.ts'
import { openChain } from '../../src/channel/chain.ts'
import { close } from '../../src/channel/close.ts'
import { open } from '../../src/channel/open.ts'
import { recover } from '../../src/channel/recover.ts'
import type { World } from '../../src/channel/world.ts'
import { fundOperator } from '../../src/dev/funding.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { channelStatus, parseChannelEvent, readChannel } from '../../src/payment-channel/index.ts'
import { ChainRelay } from '../support/chain-relay.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const question = { model: 'scripted', messages: [{ role: 'user', content: 'hello' }] }
const cost = 600n
let engine: ScriptedEngine
let deployment: Deployment
let relay: ChainRelay
let chain: TonClient

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({
    engines: [engine.url],
    betweenChain: async url => {
      relay = await ChainRelay.start(url)
      return relay.url
    },
    proxy: { payments: { settle_threshold: '1', poll_seconds: 1, settle_at_shutdown: false } },
  })
  chain = new TonClient({ endpoint: deployment.chainUrl })
  await dev('setBlockInterval', { interval_ms: 100 })
  await fundOperator(deployment.chainUrl, at('payer-wallet'))
}, 60_000)
afterAll(async () => {
  await deployment?.stop()
  relay?.close()
  await engine?.close()
})

const at = (name: string) => join(deployment.folder, name)
const onChain = (channel: string) => readChannel(chain, Address.parse(channel))
/** How far the payer's clock, and the chain's, are ahead of the proxy's. */
let aheadMs = 0
const clock: Clock = { now: () => systemClock.now() + aheadMs, after: systemClock.after }
const world: World = { fetch, clock, env: {}, openChain: (urls, network) => openChain(urls, network, clock), note: () => {} }
async function passPeriod(): Promise<void> {
  await dev('advanceTime', { seconds: 61 })
  aheadMs += 61_000
}

/** Kills the proxy at a call to the chain by chance, from now on. */
function kill(most: number): string {
  const [call, when] = [randomInt(1, most + 1), randomInt(2) === 0 ? 'before' : 'after'] as const
  relay.arm({ call, when, action: () => deployment.proxy.signal('SIGKILL') })
  return `${when} call ${call}`
}

/** The proxy again: after it was killed, or by a kill now where the point was never reached. */
async function restart(): Promise<void> {
  if (!relay.disarm()) deployment.proxy.signal('SIGKILL')
  await deployment.restartProxy()
  await eventually(async () => ((await deployment.get('/readyz')).status === 200 ? true : undefined))
}

async function ask(apiKey: string): Promise<number> {
  const response = await fetch(`${deployment.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(question),
  }).catch(() => undefined)
  await response?.text()
  return response?.status ?? 0
}

async function spentOf(apiKey: string): Promise<bigint> {
  const response = await fetch(`${deployment.origin}/v1/account`, { headers: { authorization: `Bearer ${apiKey}` } })
  const { spent, reserved } = (await response.json()) as { spent: string; reserved: string }
  expect(reserved).toBe('0')
  return BigInt(spent)
}

/** What the payee was told that it was paid in all, settlement by settlement, oldest first. */
async function payouts(channel: string): Promise<bigint[]> {
  const all = await chain.getTransactions(Address.parse(channel), { limit: 100 })
  const said = all.flatMap(({ outMessages }) => outMessages.values().flatMap(({ body }) => parseChannelEvent(body) ?? []))
  return said.flatMap(event => (event.type === 'paid' ? [event.settled] : [])).reverse()
}

/** Each settlement raised the sum, none was repeated, and the last is all that was spent. */
async function expectPaidOnce(channel: string, spent: bigint): Promise<void> {
  const paid = await payouts(channel)
  expect(paid).toEqual([...new Set(paid)].sort((a, b) => (a < b ? -1 : 1)))
  expect(paid.at(-1) ?? 0n).toBe(spent)
}

describe('killed within a settlement', () => {
  test.each(Array.from({ length: 5 }, (_, index) => index + 1))(
    'the proxy settles once it is back, and pays nothing twice: point %i',
    async () => {
      const point = kill(10)
      const { apiKey, channel } = deployment
      await ask(apiKey)
      await eventually(async () => (await relay.reached(3_000)) || undefined)
      await restart()
      const spent = await spentOf(apiKey)
      await eventually(async () => ((await onChain(channel))!.settled === spent ? true : undefined))
      expect(spent % cost, point).toBe(0n)
      await expectPaidOnce(channel, spent)
      expect((await deployment.idle()).spent).toBe(spent)
    },
  )
})

/** A payer of its own: a channel with one TON, and a key to it. */
async function openOne(name: string): Promise<{ file: string; key: string; wallet: string; apiKey: string; channel: string }> {
  const [file, key, wallet, save] = [at(`${name}.json`), at(`${name}.key`), at('payer-wallet'), at(`${name}.api-key`)]
  for (const old of [file, save]) rmSync(old, { force: true })
  const opened = await open(
    {
      ...{ file, key, wallet, proxy: `${deployment.origin}/v1`, chain: [deployment.chainUrl], network: 'dev' },
      ...{ amount: nanoton(1_000_000_000n), trust: { trustOperator: true }, wait: true, timeoutMs: 20_000 },
    },
    world,
  )
  await authorize({ file, key, limits: {}, save }, world)
  return { file, key, wallet, apiKey: readFileSync(save, 'utf8').trim(), channel: String(opened.json.channel) }
}

describe('killed within a close by agreement', () => {
  test.each(Array.from({ length: 5 }, (_, index) => index + 1))('the close goes on once the proxy is back: point %i', async number => {
    const { apiKey, channel, ...files } = await openOne(`close-${number}`)
    for (let times = 0; times < 2; times++) expect(await ask(apiKey)).toBe(200)
    const spent = await spentOf(apiKey)
    const point = kill(12)
    const asked = { ...files, wait: true, timeoutMs: 20_000 }
    await Promise.race([close(asked, world).catch(() => {}), relay.reached(3_000)])
    await restart()
    const { json } = await eventually(() => close(asked, world).catch(() => undefined))
    expect(json, point).toMatchObject({ status: 'closed', settled: spent.toString() })
    expect((await onChain(channel))!.status).toBe(channelStatus.closed)
    expect((await chain.getContractState(Address.parse(channel))).balance).toBe(0n)
    await expectPaidOnce(channel, spent)
    // Nothing is ever charged to it again.
    expect(await ask(apiKey)).toBe(402)
  })
})

describe('a payer who closes while the proxy is away', () => {
  const away = async () => {
    deployment.proxy.signal('SIGKILL')
    await deployment.proxy.exited
  }

  test('pays what is owed, where it comes back before the period ends', async () => {
    const { apiKey, channel, ...files } = await openOne('unfair')
    relay.arm({ call: 1, when: 'before', action: () => deployment.proxy.signal('SIGKILL') })
    expect(await ask(apiKey)).toBe(200)
    const unfair = { ...files, wait: false, timeoutMs: 20_000 }
    expect(await relay.reached(5_000)).toBe(true)
    relay.disarm()
    await deployment.proxy.exited
    await recover(unfair, world)
    expect(await onChain(channel)).toMatchObject({ status: channelStatus.closing, settled: 0n })
    await deployment.restartProxy()
    await eventually(async () => ((await onChain(channel))!.settled === cost ? true : undefined))
    await passPeriod()
    const { json } = await recover({ ...unfair, wait: true }, world)
    expect(json).toMatchObject({ step: 'done' })
    expect(await onChain(channel)).toMatchObject({ status: channelStatus.closed, settled: cost })
    await expectPaidOnce(channel, cost)
  })

  test('gets everything that was not settled back, where it never comes back', async () => {
    const { apiKey, channel, ...files } = await openOne('gone')
    const before = await chain.getContractState(Address.parse(channel))
    relay.arm({ call: 1, when: 'before', action: () => deployment.proxy.signal('SIGKILL') })
    expect(await ask(apiKey)).toBe(200)
    await away()
    relay.disarm()
    const alone = { ...files, timeoutMs: 20_000 }
    await recover({ ...alone, wait: false }, world)
    await passPeriod()
    const { json } = await recover({ ...alone, wait: true }, world)
    expect(json).toMatchObject({ step: 'done' })
    // All that was there, less what the two messages of the close cost it.
    expect(BigInt(String(json.recovered))).toBeGreaterThan(before.balance - 2_000_000n)
    expect((await onChain(channel))!.settled).toBe(0n)
    expect((await chain.getContractState(Address.parse(channel))).balance).toBe(0n)
    await deployment.restartProxy()
  })
})

async function dev(method: string, params: object): Promise<void> {
  const response = await fetch(deployment.chainUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 1, jsonrpc: '2.0', method: `dev_${method}`, params }),
  })
  expect(response.status, await response.clone().text()).toBe(200)
}
