/** `chrysalis dev` as somebody who has just cloned the project uses it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'

const folder = mkdtempSync(join(tmpdir(), 'chrysalis-dev-'))
const data = join(folder, 'data')
const command = fileURLToPath(new URL('../../bin/chrysalis.js', import.meta.url))
const running = new Set<ChildProcess>()

afterEach(async () => {
  for (const child of running) await end(child)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Dev {
  baseURL: string
  apiKey: string
  consoleURL: string
  relayURL: string
  chainURL: string
  channel: string
  pid: number
  workers: { id: string; url: string; engineURL: string; pid: number }[]
}

function run(args: string[]): { child: ChildProcess; output: () => string; exited: Promise<number | null> } {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', chunk => {
      output += chunk
    })
  running.add(child)
  return { child, output: () => output, exited: new Promise(resolve => child.on('exit', resolve)) }
}

async function start(...args: string[]): Promise<{ dev: Dev; child: ChildProcess; output: () => string; exited: Promise<number | null> }> {
  const started = run(['dev', '--port', '0', '--data', data, ...args])
  await eventually(async () => (started.output().includes('details') || started.child.exitCode !== null ? true : undefined), 60_000)
  if (started.child.exitCode !== null) throw new Error(started.output())
  return { ...started, dev: JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8')) as Dev }
}

async function end(child: ChildProcess): Promise<void> {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise(resolve => child.on('exit', resolve))
  child.kill('SIGTERM')
  await exited
}

const call = (dev: Dev, path: string, body?: object) =>
  fetch(`${dev.relayURL}${path}`, {
    headers: { authorization: `Bearer ${dev.apiKey}`, 'content-type': 'application/json' },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  })
const ask = (dev: Dev) =>
  call(dev, '/v1/chat/completions', { model: 'chrysalis-tiny', temperature: 0, messages: [{ role: 'user', content: 'What is 2 + 2?' }] })
const account = async (dev: Dev) => (await (await call(dev, '/v1/account')).json()) as Record<string, string>

describe('chrysalis dev', () => {
  test('prints what works, keeps its secrets to itself, settles at a stop and goes on at the next start', async () => {
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
  })

  test('with two workers goes on when one is killed, and starts it again at the same place', async () => {
    const { dev } = await start('--workers', '2')
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
  })

  test('stops cleanly although its whole process group is told to, and still settles', async () => {
    const { child, dev, exited } = await start()
    expect((await ask(dev)).status).toBe(200)
    for (const pid of [child.pid!, ...dev.workers.map(worker => worker.pid)]) process.kill(pid, 'SIGTERM')
    expect(await exited).toBe(0)
    const { dev: later } = await start()
    const { spent, settled } = await account(later)
    expect(settled).toBe(spent)
  })

  test('takes a changed policy at SIGHUP: no worker is accepted, then again', async () => {
    const { dev, child } = await start()
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
  })

  test('refuses to share its folder, and to empty one that is not its own', async () => {
    await start()
    const second = run(['dev', '--port', '0', '--data', data])
    expect(await second.exited).toBe(2)
    expect(second.output()).toMatch(/another chrysalis dev \(process \d+\) uses/)
    const foreign = join(folder, 'foreign')
    rmSync(foreign, { recursive: true, force: true })
    writeFileSync(join(folder, 'precious'), 'x')
    const third = run(['dev', '--port', '0', '--fresh', '--data', folder])
    expect(await third.exited).toBe(2)
    expect(third.output()).toContain('holds something else')
    expect(existsSync(join(folder, 'precious'))).toBe(true)
  })

  test.each([
    [['dev', '--port', 'x'], 'whole number'],
    [['dev', '--workers', '0'], 'whole number'],
    [['dev', '--engine', 'nonsense'], 'http or https URL'],
    [['dev', '--model', 'nowhere.gguf', '--port', '0', '--data', join(folder, 'no-model')], 'there is no model file'],
    [['dev', '--unknown'], 'unknown option'],
    [['fly'], 'unknown command'],
    [['proxy'], '--config'],
    [['proxy', '--config', join(folder, 'nowhere.yaml')], 'cannot read the config file'],
    [['worker', '--config', join(folder, 'nowhere.yaml')], 'cannot read the config file'],
  ])('chrysalis %s ends with an error that says what to do', async (args, message) => {
    const { output, exited } = run(args)
    expect(await exited).not.toBe(0)
    expect(output()).toContain(message)
    expect(output()).not.toMatch(/^\s+at .*\.ts:\d+/m)
  })
})
