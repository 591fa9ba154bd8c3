import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config.ts'
import { SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { workerSchema } from '../../src/worker-config.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { SealingClient } from '../support/sealing-client.ts'
import { chat, offer } from './fixture.ts'

const command = resolve(import.meta.dirname, '../../bin/chrysalis.js')
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'worker-'))
  await SoftwareQuotingAuthority.create({ now: Date.now() }).save(join(directory, 'authority'))
})
afterAll(() => rm(directory, { recursive: true }))

const good = (engineURL: string) => ({
  role: 'worker',
  id: 'worker-1',
  listen: { host: '127.0.0.1', port: 0 },
  engine: { url: engineURL },
  offer: { default: offer },
  tee: { type: 'software', directory: 'authority', simulated: true },
})

interface Ready {
  readonly id: string
  readonly url: string
  readonly engineURL: string
  readonly models: readonly { id: string }[]
}

/** `chrysalis worker --config FILE` as a child. */
async function run(config: object): Promise<{ child: ChildProcess; output: () => string }> {
  const file = join(directory, `${Math.random().toString(36).slice(2)}.yaml`)
  await writeFile(file, stringify(config))
  const child = spawn(process.execPath, [command, 'worker', '--config', file], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (part: Buffer) => (output += part.toString()))
  return { child, output: () => output }
}

async function readyOf(child: ChildProcess): Promise<Ready> {
  const [message] = (await once(child, 'message')) as [{ ready: Ready }]
  return message.ready
}

describe('a worker process', () => {
  test('says when it is ready, serves, says in its log that it is simulated and nothing of what was said, and ends by SIGTERM', async () => {
    const engine = await ScriptedEngine.start({ tokens: ['CANARY-ANSWER'] })
    onTestFinished(() => engine.close())
    const { child, output } = await run(good(engine.url))
    const ready = await readyOf(child)
    expect(ready).toMatchObject({ id: 'worker-1', engineURL: engine.url, models: [{ id: 'scripted' }] })
    const client = await SealingClient.of(ready.url)
    expect(await client.ask(chat({ messages: [{ role: 'user', content: 'CANARY-PROMPT' }] }))).toMatchObject({
      finish: 'stop',
      defect: undefined,
    })
    child.kill('SIGTERM')
    expect((await once(child, 'exit'))[0]).toBe(0)
    expect(output()).toContain('"simulated":true')
    expect(output()).toContain('"finish":"stop"')
    expect(output()).not.toMatch(/CANARY/)
  })

  test('ends when its parent is gone', async () => {
    const engine = await ScriptedEngine.start()
    onTestFinished(() => engine.close())
    const { child } = await run(good(engine.url))
    await readyOf(child)
    child.disconnect()
    expect((await once(child, 'exit'))[0]).toBe(0)
  })

  test('does not start with an engine on another machine', async () => {
    const { child, output } = await run(good('http://192.0.2.1:8000'))
    expect((await once(child, 'exit'))[0]).not.toBe(0)
    expect(output()).toContain('engine.url')
  })
})

describe('a worker’s config', () => {
  const parse = (value: unknown) => parseConfig(value, workerSchema, 'worker.yaml')

  test('is whole with its defaults', () => {
    expect(parse(good('http://127.0.0.1:8000'))).toMatchObject({
      log_level: 'info',
      key_lifetime_hours: 12,
      limits: { engine_idle_ms: 60_000 },
      engine: { dangerously_allow_remote: false },
    })
    expect(parse({ ...good(''), engine: { builtin: { model: 'a.gguf' } }, tee: { type: 'configfs' } })).toMatchObject({
      engine: { builtin: { model: 'a.gguf' } },
    })
  })

  test.each<[string, object]>([
    ['id', { id: undefined }],
    ['id', { id: 'a b' }],
    ['role', { role: 'proxy' }],
    ['listen.port', { listen: { host: 'a', port: 70_000 } }],
    ['engine', { engine: {} }],
    ['engine', { engine: { url: 'http://127.0.0.1', builtin: { model: 'a' } } }],
    ['engine.url', { engine: { url: 'ftp://127.0.0.1' } }],
    ['offer.default', { offer: {} }],
    ['offer.default.prompt', { offer: { default: { ...offer, prompt: 5 } } }],
    ['tee.simulated', { tee: { type: 'software', directory: 'a' } }],
    ['tee.type', { tee: { type: 'sgx' } }],
    ['surprise', { surprise: 1 }],
    ['nonsense', { limits: { nonsense: 1 } }],
  ])('names %s where that is wrong', (member, change) => {
    expect(() => parse({ ...good('http://127.0.0.1:8000'), ...change })).toThrow(member)
  })

  test('is annotated in an example that is valid', async () => {
    const { parse: parseYaml } = await import('yaml')
    const text = await readFile(resolve(import.meta.dirname, '../../config/worker.yaml'), 'utf8')
    expect(parse(parseYaml(text))).toMatchObject({ role: 'worker' })
  })
})
