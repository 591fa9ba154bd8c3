/** What goes wrong at a keyboard: every mistake ends with an exit code, and words that say what to do. */
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { cleanUp, data, devFile, folder, run } from './support.ts'

cleanUp()

test('the data folder is locked from the very beginning, refused to others and to --fresh, and free after a kill, whoever has the number of the killed', async () => {
  const runs = [run(['dev', '--port', '0', '--data', data]), run(['dev', '--port', '0', '--data', data])]
  const loser = await Promise.race(runs.map(one => one.exited.then(() => one)))
  expect(await loser.exited).toBe(2)
  expect(loser.output()).toMatch(/another chrysalis dev .* uses .*--data/)
  const winner = runs.find(one => one !== loser)!
  await eventually(async () => (winner.output().includes('details') ? true : undefined), 60_000)
  expect(devFile().pid).toBe(winner.child.pid)

  const second = run(['dev', '--port', '0', '--data', data])
  expect(await second.exited).toBe(2)
  expect(second.output()).toMatch(/another chrysalis dev \(process \d+\) uses/)

  writeFileSync(join(folder, 'precious'), 'x')
  const foreign = run(['dev', '--port', '0', '--fresh', '--data', folder])
  expect(await foreign.exited).toBe(2)
  expect(foreign.output()).toContain('holds something else')
  expect(existsSync(join(folder, 'precious'))).toBe(true)

  winner.child.kill('SIGKILL')
  await winner.exited
  writeFileSync(join(data, 'dev.json'), JSON.stringify({ ...devFile(), pid: process.ppid }))
  // A model file is looked for where the command runs, not where its data is.
  const models = fileURLToPath(new URL('../../models/tiny', import.meta.url))
  const next = run(['dev', '--model', 'chrysalis-tiny-q8_0.gguf', '--port', '0', '--data', data], models)
  await eventually(async () => (next.output().includes('details') ? true : undefined), 60_000)
}, 60_000)

/** A port of this machine: taken for as long as the test runs, or free again. */
async function port(state: 'taken' | 'free'): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: number } = server.address() as AddressInfo
  if (state === 'taken') onTestFinished(() => void server.close())
  else await new Promise(resolve => server.close(resolve))
  return number
}

test('a port that is taken is named, with what to do', async () => {
  const taken = await port('taken')
  const { output, exited } = run(['dev', '--port', String(taken), '--data', join(folder, 'port')])
  expect(await exited).toBe(1)
  expect(output()).toMatch(new RegExp(`cannot listen on 127.0.0.1:${taken}: another program listens there.*--port`))
})

test('an engine that is not there is waited for, and named', async () => {
  const engine = `http://127.0.0.1:${await port('free')}`
  const { child, output, exited } = run(['dev', '--engine', `${engine}/v1`, '--port', '0', '--data', join(folder, 'engine')])
  await eventually(async () =>
    output().includes(`the engine does not answer at ${engine}/v1/models (connect ECONNREFUSED`) ? true : undefined,
  )
  expect(output()).toContain('check --engine')
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
  expect(readFileSync(join(folder, 'engine/logs/worker-1.log'), 'utf8')).toContain('the engine does not answer')
})

test.each<[number, string[], string | RegExp]>([
  [2, ['dev', '--port', 'x'], 'whole number'],
  [2, ['dev', '--workers', '0'], 'whole number'],
  [2, ['dev', '--engine', 'nonsense'], 'http or https URL'],
  [2, ['dev', '--engine', 'http://127.0.0.1:1', '--model', 'a.gguf'], 'cannot be used with'],
  [1, ['dev', '--model', 'nowhere.gguf', '--port', '0', '--data', join(folder, 'no-model')], 'there is no model file'],
  [1, ['dev', '--model', import.meta.filename, '--port', '0', '--data', join(folder, 'no-model')], 'is not a GGUF chat model'],
  [2, ['dev', '--data', import.meta.filename], /the data folder .* cannot be used: .*--data/],
  [2, ['dev', '--unknown'], 'unknown option'],
  [2, ['fly'], 'unknown command'],
  [2, [], 'Usage: chrysalis'],
  [0, ['--help'], 'Usage: chrysalis'],
  [0, ['--version'], /^\d+\.\d+\.\d+\n$/],
  [2, ['proxy'], '--config'],
  [2, ['proxy', '--config', join(folder, 'nowhere.yaml')], 'cannot read the config file'],
  [2, ['worker', '--config', join(folder, 'nowhere.yaml')], 'cannot read the config file'],
  [2, ['dev-chain', '--data', import.meta.filename, '--port', '0'], /the chain in .* cannot be started/],
])('ends with %i and says why: chrysalis %s', async (code, args, message) => {
  const { output, exited } = run(args)
  expect(await exited).toBe(code)
  if (typeof message === 'string') expect(output()).toContain(message)
  else expect(output()).toMatch(message)
  expect(output()).not.toMatch(/^\s+at .*:\d+/m)
})
