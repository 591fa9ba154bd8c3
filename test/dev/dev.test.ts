/** `chrysalis dev` as somebody who has just cloned the project uses it. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { account, ask, cleanUp, type Dev, data, start } from './support.ts'

cleanUp()

describe('chrysalis dev', () => {
  test('prints what works, keeps its secrets to itself, settles at a stop, also of its whole process group, and goes on at the next start', async () => {
    const first = await start()
    for (const part of [first.dev.baseURL, first.dev.apiKey, first.dev.consoleURL]) expect(first.output()).toContain(part)
    expect(Object.keys(first.dev)).toEqual(['baseURL', 'apiKey', 'consoleURL', 'relayURL', 'chainURL', 'channel', 'pid', 'workers'])
    expect(first.dev.pid).toBe(first.child.pid)
    for (const file of [
      'dev.json',
      'key',
      'keys/payee',
      'keys/operator-wallet',
      'keys/payer',
      'policy.json',
      'proxy.yaml',
      'worker-1.yaml',
    ])
      expect({ file, mode: statSync(join(data, file)).mode & 0o077 }).toEqual({ file, mode: 0 })
    expect((await ask(first.dev)).status).toBe(200)
    const spent = (await account(first.dev)).spent!
    expect(BigInt(spent)).toBeGreaterThan(0n)
    first.child.kill('SIGTERM')
    expect(await first.exited).toBe(0)
    expect(existsSync(join(data, 'dev.json'))).toBe(false)

    const second = await start()
    expect(second.dev.apiKey).toBe(first.dev.apiKey)
    expect(await account(second.dev)).toMatchObject({ channel: first.dev.channel, spent, settled: spent, reserved: '0' })
    expect((await ask(second.dev)).status).toBe(200)

    // As a terminal does it: everybody is told to stop, and the settlement needs the others still.
    for (const pid of [second.child.pid!, ...second.dev.workers.map(worker => worker.pid)]) process.kill(pid, 'SIGTERM')
    expect(await second.exited).toBe(0)
    const third = await account((await start()).dev)
    expect(BigInt(third.spent!)).toBeGreaterThan(BigInt(spent))
    expect(third.settled).toBe(third.spent)
  }, 60_000)

  test('with two workers goes on when one is killed, and starts it again at the same place; a changed policy counts from SIGHUP on', async () => {
    const { dev, child } = await start('--workers', '2')
    expect(dev.workers.map(worker => worker.id)).toEqual(['worker-1', 'worker-2'])
    process.kill(dev.workers[0]!.pid, 'SIGKILL')
    for (let turn = 0; turn < 6; turn++) expect((await ask(dev)).status).toBe(200)
    const again = await eventually(async () => {
      const now = JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8')) as Dev
      return now.workers[0]!.pid !== dev.workers[0]!.pid ? now : undefined
    })
    expect(again.workers[0]!.url).toBe(dev.workers[0]!.url)
    await eventually(async () => {
      const worker = (await ask(dev)).headers.get('x-chrysalis-worker')
      return worker === 'worker-1' ? true : undefined
    })

    // A changed policy at SIGHUP: no worker is accepted, then both again.
    const file = join(data, 'policy.json')
    const policy = readFileSync(file, 'utf8')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(policy), mr_td: ['cd'.repeat(48)] }))
    child.kill('SIGHUP')
    await eventually(async () => ((await ask(dev)).status === 503 ? true : undefined))
    writeFileSync(file, 'not a policy')
    child.kill('SIGHUP')
    expect((await ask(dev)).status).toBe(503)
    writeFileSync(file, policy)
    child.kill('SIGHUP')
    await eventually(async () => ((await ask(dev)).status === 200 ? true : undefined))
  }, 60_000)
})
