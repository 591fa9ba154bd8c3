/**
 * End to end: the same load through Chrysalis (proxy, envelope, worker, receipt, ledger: all of it) and straight to a
 * synthetic engine, turn by turn in one run. JSON at 1 and 16 connections by autocannon, CPU per request from the
 * processes' own accounts, and the added time to the first token of one stream.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const secondsPerRound = Number(process.env.BENCH_SECONDS ?? 5)
const streams = 20

interface Target {
  readonly name: string
  readonly url: string
  readonly headers: Record<string, string>
  /** Processes whose CPU time counts as this target's. */
  readonly pids: readonly number[]
}

interface Load {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMicrosPerRequest: number
  readonly failed: number
}

const question = (model: string, stream: boolean) =>
  JSON.stringify({
    model,
    stream,
    messages: [
      { role: 'system', content: 'You are a helpful assistant. '.repeat(16) },
      { role: 'user', content: 'Tell me what you know.' },
    ],
    max_tokens: 64,
  })

export async function gateway(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-bench-'))
  const engine = await startEngine()
  const dev = await startDev(engine.url, folder)
  const targets: Target[] = [
    { name: 'straight to the engine', url: engine.url, headers: {}, pids: [engine.pid] },
    { name: 'through Chrysalis', url: dev.origin, headers: { authorization: `Bearer ${dev.apiKey}` }, pids: dev.pids },
  ]
  try {
    for (const connections of [1, 16]) await compareLoads(targets, connections)
    await compareFirstTokens(targets)
    console.log(`memory: ${dev.pids.map(pid => `${processName(dev, pid)} ${residentMegabytes(pid)} MB`).join(', ')}`)
  } finally {
    await dev.stop()
    engine.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function compareLoads(targets: readonly Target[], connections: number): Promise<void> {
  const loads = new Map<Target, Load[]>(targets.map(target => [target, []]))
  for (const target of targets) await load(target, connections, 2)
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? targets : targets.toReversed()
    for (const target of order) loads.get(target)!.push(await load(target, connections, secondsPerRound))
  }
  console.log(`JSON, ${connections} connection${connections > 1 ? 's' : ''}, median of ${rounds} rounds of ${secondsPerRound} s\n`)
  const summary = new Map(Array.from(loads, ([target, all]) => [target, summarise(all)]))
  console.log('| | req/s | p50 ms | p99 ms | CPU µs/req | failed |\n| --- | --- | --- | --- | --- | --- |')
  for (const [target, { requestsPerSecond, p50Ms, p99Ms, cpuMicrosPerRequest, failed }] of summary)
    console.log(
      `| ${target.name} | ${requestsPerSecond.toFixed(0)} | ${p50Ms.toFixed(2)} | ${p99Ms.toFixed(2)} | ${cpuMicrosPerRequest.toFixed(0)} | ${failed} |`,
    )
  const [direct, through] = targets.map(target => summary.get(target)!)
  console.log(
    `\nratio ${(through!.requestsPerSecond / direct!.requestsPerSecond).toFixed(3)} of the throughput, +${(through!.p50Ms - direct!.p50Ms).toFixed(2)} ms p50\n`,
  )
}

function summarise(loads: readonly Load[]): Load {
  const of = (member: keyof Load) => median(loads.map(load => load[member]))
  return {
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    cpuMicrosPerRequest: of('cpuMicrosPerRequest'),
    failed: loads.reduce((sum, load) => sum + load.failed, 0),
  }
}

async function load(target: Target, connections: number, duration: number): Promise<Load> {
  const before = cpuMicros(target.pids)
  const times: number[] = []
  const run = autocannon({
    url: `${target.url}/v1/chat/completions`,
    method: 'POST',
    connections,
    duration,
    headers: { 'content-type': 'application/json', ...target.headers },
    body: question('synthetic', false),
  })
  // autocannon's own table rounds to whole milliseconds.
  run.on('response', (_client: unknown, _status: number, _bytes: number, ms: number) => times.push(ms))
  const result = await run
  const served = result['2xx']
  times.sort((a, b) => a - b)
  return {
    requestsPerSecond: served / result.duration,
    p50Ms: times[Math.floor(times.length / 2)] ?? Number.NaN,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
    cpuMicrosPerRequest: (cpuMicros(target.pids) - before) / served,
    failed: result.non2xx + result.errors + result.timeouts,
  }
}

/** One paced stream after another, in turn: what the way through adds before the first token. */
async function compareFirstTokens(targets: readonly Target[]): Promise<void> {
  const times = new Map<Target, number[]>(targets.map(target => [target, []]))
  for (let turn = 0; turn < streams; turn++) for (const target of targets) times.get(target)!.push(await firstToken(target))
  console.log(`One stream, a token every 20 ms, ${streams} turns\n`)
  console.log('| | time to first token, p50 ms |\n| --- | --- |')
  for (const [target, all] of times) console.log(`| ${target.name} | ${median(all).toFixed(2)} |`)
  const [direct, through] = targets.map(target => median(times.get(target)!))
  console.log(`\n+${(through! - direct!).toFixed(2)} ms to the first token\n`)
}

async function firstToken(target: Target): Promise<number> {
  const started = performance.now()
  const response = await fetch(`${target.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...target.headers },
    body: question('paced', true),
  })
  let text = ''
  let at = Number.NaN
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk).toString('utf8')
    if (Number.isNaN(at) && text.includes('word0')) at = performance.now() - started
  }
  if (!text.endsWith('data: [DONE]\n\n')) throw new Error(`${target.name}: the stream did not end well`)
  return at
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** CPU time that processes have used, from /proc; NaN where there is none. */
function cpuMicros(pids: readonly number[]): number {
  const ticksPerSecond = 100
  const used = (pid: number): number => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) * (1_000_000 / ticksPerSecond)
    } catch {
      return Number.NaN
    }
  }
  return pids.reduce((sum, pid) => sum + used(pid), 0)
}

function residentMegabytes(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Math.round(Number(match?.[1] ?? 0) / 1024)
}

interface Engine {
  readonly url: string
  readonly pid: number
  stop(): void
}

async function startEngine(): Promise<Engine> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('synthetic-engine.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const { url } = JSON.parse(await firstLine(child)) as { url: string }
  return { url, pid: child.pid!, stop: () => void child.kill('SIGTERM') }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.on('exit', code => reject(new Error(`it ended with ${code}`)))
  })
}

interface Dev {
  readonly origin: string
  readonly apiKey: string
  /** The proxy and the worker. */
  readonly pids: readonly number[]
  readonly workerPid: number
  stop(): Promise<void>
}

async function startDev(engine: string, folder: string): Promise<Dev> {
  const data = join(folder, 'dev')
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('../bin/chrysalis.js', import.meta.url)),
      'dev',
      '--port',
      '0',
      '--engine',
      engine,
      '--data',
      data,
      '--no-console',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await firstLine(child)
  const { relayURL, apiKey, workers } = JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8')) as {
    relayURL: string
    apiKey: string
    workers: { pid: number }[]
  }
  const workerPid = workers[0]!.pid
  const proxyPid = childOf(child.pid!, ' proxy ')
  return {
    origin: relayURL,
    apiKey,
    pids: [proxyPid, workerPid],
    workerPid,
    stop: () =>
      new Promise(resolve => {
        child.on('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

function childOf(parent: number, word: string): number {
  const lines = execFileSync('ps', ['-o', 'pid=,ppid=,args=', '-A'], { encoding: 'utf8' }).split('\n')
  const line = lines.find(text => text.trim().split(/\s+/)[1] === String(parent) && text.includes(word))
  if (!line) throw new Error(`no child of ${parent} runs${word}`)
  return Number(line.trim().split(/\s+/)[0])
}

function processName(dev: Dev, pid: number): string {
  return pid === dev.workerPid ? 'worker' : 'proxy'
}
