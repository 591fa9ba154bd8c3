/** Workers that are paid: a channel of their own, a signature for each job, cash on the chain, and no work that nobody pays for. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readChannel } from '../../src/payment-channel/index.ts'
import { earningsIn } from '../../src/worker/earnings.ts'
import { type Deployment, deploy, price } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { SealingClient } from '../support/sealing-client.ts'

interface Earnings {
  readonly jobs_in_all: number
  readonly earned: string
  readonly channels: { channel: string; deposited: string; signed: string; paid: string }[]
  readonly jobs: { rid: string; amount: string; state: string; finish: string; usage: { prompt: number; completion: number } }[]
}

/** Below the caller's price: the proxy keeps the difference. */
const offer = { ...price, prompt: '18000000', completion: '54000000' }
const question = (stream: boolean) => ({ model: 'scripted', stream, max_tokens: 300, messages: [{ role: 'user', content: 'hello' }] })
const run = promisify(execFile)

let engine: ScriptedEngine
let deployment: Deployment

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({ engines: [engine.url], paid: { cash_threshold: '1000000000000' }, worker: { offer: { default: offer } } })
})
afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

/** `chrysalis worker …`, as the worker's owner would run it. */
async function command(...words: string[]): Promise<string> {
  const cli = join(import.meta.dirname, '../../bin/chrysalis.js')
  const { stdout } = await run(process.execPath, [cli, 'worker', '--config', join(deployment.folder, 'worker-1.yaml'), ...words])
  return stdout
}

/** As the command has it, without a process for each look. */
const earnings = async () => earningsIn(join(deployment.folder, 'worker-1/earnings.sqlite'), 1000) as Earnings
const signed = () =>
  eventually(async () => {
    const seen = await earnings()
    return seen.jobs.every(({ state }) => state !== 'owed') ? seen : undefined
  })
const onChain = async () => {
  const [channel] = (await earnings()).channels
  return (await readChannel(new TonClient({ endpoint: deployment.chainUrl }), Address.parseRaw(channel!.channel)))!
}

/** How much a job of 12 tokens in and 6 out earns. */
const each = 12n * 18n + 6n * 54n

describe('a paid worker', () => {
  test('earns each job by its own offer, and holds the proxy’s signature for all of it', async () => {
    for (let turn = 0; turn < 10; turn++) expect((await deployment.chat(question(turn % 2 === 0))).status).toBe(200)
    const seen = await signed()
    expect(JSON.parse(await command('earnings', '--json', '--last', '1000'))).toEqual(seen)
    expect(seen.jobs.length).toBeGreaterThanOrEqual(10)
    for (const { amount, usage, finish } of seen.jobs)
      expect([amount, usage.prompt, usage.completion, finish]).toEqual([`${each}`, 12, 6, 'stop'])
    expect(BigInt(seen.earned)).toBe(each * BigInt(seen.jobs_in_all))
    expect(seen.channels).toEqual([expect.objectContaining({ signed: seen.earned, paid: '0', deposited: '990000000' })])
    // Callers pay more than that.
    expect((await deployment.idle()).spent).toBe((12n * 20n + 6n * 60n) * BigInt(seen.jobs_in_all))
  })

  test('shows its owner job, tokens, nanoTON and state in a table', async () => {
    const table = await command('earnings', '--last', '2')
    expect(table).toMatch(/when \(UTC\) +job +model +tokens in \+ out +nanoTON +state/)
    expect(table).toMatch(new RegExp(`scripted +12 \\+ 6 +${each} +signed`))
  })

  test('cashes to the nanoTON, and what is cashed is not cashed again', async () => {
    const { earned } = await earnings()
    expect(await command('cash')).toMatch(/settled/)
    expect((await onChain()).settled).toBe(BigInt(earned))
    const seen = await earnings()
    expect(seen.jobs.every(({ state }) => state === 'paid')).toBe(true)
    expect(seen.channels[0]!.paid).toBe(earned)
    expect(await command('cash')).toMatch(/nothing to cash/)
  })

  test('does nothing for who does not pay: 402 before a byte is read, and the engine is not asked', async () => {
    const asked = engine.requests.length
    const client = await SealingClient.of(deployment.workers.get('worker-1')!.ready.url)
    const call = await client.ask({ model: 'scripted', messages: [{ role: 'user', content: 'for nothing' }] })
    expect(call.problem).toEqual(expect.objectContaining({ status: 402, type: 'urn:chrysalis:uncovered' }))
    expect(engine.requests.length).toBe(asked)
  })

  test('goes on with the same channel after its proxy was killed in the middle of work: nothing twice, nothing lost', async () => {
    const before = await earnings()
    engine.mode = 'paced'
    engine.paceMs = 20
    const running = Array.from({ length: 4 }, () =>
      deployment
        .chat(question(true))
        .then(response => response.text())
        .catch(() => 'gone'),
    )
    await eventually(async () => (engine.requests.length >= before.jobs_in_all + 4 ? true : undefined))
    deployment.proxy.signal('SIGKILL')
    await Promise.all(running)
    engine.mode = 'good'
    await deployment.restartProxy()
    await eventually(async () => ((await deployment.get('/readyz')).status === 200 ? true : undefined))
    for (let turn = 0; turn < 3; turn++) expect((await deployment.chat(question(false))).status).toBe(200)
    const seen = await eventually(async () => {
      const now = await earnings()
      return now.jobs.slice(0, 3).every(({ state }) => state === 'signed') ? now : undefined
    })
    expect(seen.channels.map(({ channel }) => channel)).toEqual(before.channels.map(({ channel }) => channel))
    expect(BigInt(seen.channels[0]!.signed)).toBeGreaterThanOrEqual(BigInt(before.channels[0]!.signed) + 3n * each)
    expect(new Set(seen.jobs.map(({ rid }) => rid)).size).toBe(seen.jobs_in_all)
  })

  test('goes on after it was killed itself: its book, its key and its channel are there', async () => {
    // What the killed proxy never heard of may still be owed: it is written off after ten minutes.
    const before = await earnings()
    await deployment.restartWorker('worker-1')
    await eventually(async () => {
      const response = await deployment.chat(question(false))
      await response.text()
      return response.status === 200 ? true : undefined
    })
    const seen = await eventually(async () => {
      const now = await earnings()
      return BigInt(now.channels[0]!.signed) > BigInt(before.channels[0]!.signed) ? now : undefined
    })
    expect(seen.channels[0]!.channel).toBe(before.channels[0]!.channel)
    expect(await command('cash')).toMatch(/settled/)
    const { settled } = await onChain()
    expect(settled).toBe(BigInt(seen.channels[0]!.signed))
    expect((await earnings()).channels[0]!.paid).toBe(`${settled}`)
  })
})
