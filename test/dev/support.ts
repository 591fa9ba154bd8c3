/** `chrysalis dev` and its sisters as processes of a test, with a folder of their own that goes with the test file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { checkResponse } from '../support/answers/check-answer.ts'
import { eventually } from '../support/eventually.ts'

export const folder = mkdtempSync(join(tmpdir(), 'chrysalis-dev-'))
export const data = join(folder, 'data')
const command = fileURLToPath(new URL('../../bin/chrysalis.js', import.meta.url))
const running = new Set<ChildProcess>()

/** Called by each test file: ends what a test has started, and the folder with the file. */
export function cleanUp(): void {
  beforeAll(() => mkdirSync(folder, { recursive: true }))
  afterEach(async () => {
    for (const child of running) await end(child)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
}

export interface Dev {
  baseURL: string
  apiKey: string
  consoleURL: string
  relayURL: string
  chainURL: string
  channel: string
  pid: number
  workers: { id: string; url: string; engineURL: string; pid: number }[]
}

export interface Run {
  readonly child: ChildProcess
  readonly output: () => string
  /** The exit code. */
  readonly exited: Promise<number | null>
}

/** Runs the `chrysalis` command. */
export function run(args: readonly string[], cwd = process.cwd()): Run {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'], cwd })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', chunk => {
      output += chunk
    })
  running.add(child)
  return { child, output: () => output, exited: new Promise(resolve => child.on('exit', resolve)) }
}

/** Runs `chrysalis dev` on {@link data} until it is ready. */
export async function start(...args: string[]): Promise<Run & { dev: Dev }> {
  const started = run(['dev', '--port', '0', '--data', data, ...args])
  await eventually(async () => (started.output().includes('details') || started.child.exitCode !== null ? true : undefined), 60_000)
  if (started.child.exitCode !== null) throw new Error(started.output())
  return { ...started, dev: devFile() }
}

export const devFile = () => JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8')) as Dev

async function end(child: ChildProcess): Promise<void> {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise(resolve => child.on('exit', resolve))
  child.kill('SIGTERM')
  await exited
}

/** Asks for a whole answer, which is checked as every answer is. */
export async function call(dev: Dev, path: string, body?: object): Promise<Response> {
  const response = await fetch(`${dev.relayURL}${path}`, {
    headers: { authorization: `Bearer ${dev.apiKey}`, 'content-type': 'application/json' },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  })
  return checkResponse(body ? 'POST' : 'GET', path, response)
}
export const ask = (dev: Dev) =>
  call(dev, '/v1/chat/completions', { model: 'chrysalis-tiny', temperature: 0, messages: [{ role: 'user', content: 'What is 2 + 2?' }] })
export const account = async (dev: Dev) => (await (await call(dev, '/v1/account')).json()) as Record<string, string>
