/** A deployment whose event loops are watched, before an engine that tells what it got, and large requests through it. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientRequest, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { gzip } from 'node:zlib'
import { checkAnswer } from './answers/check-answer.ts'
import { type Deployment, deploy } from './deployment.ts'
import { eventually } from './eventually.ts'

const mebibyte = 1024 * 1024
export const model = 'telling'

/** What one role's event loop went through since it was last asked. */
export interface LoopReport {
  /** The longest block as the clock saw it, and the most processor time that the thread used between two turns. */
  readonly wallMs: number
  readonly ownMs: number
  readonly residentBytes: number
}

export type LoopReports = Readonly<Record<'proxy' | 'worker' | 'idle', LoopReport>>

export interface WatchedDeployment {
  readonly deployment: Deployment
  /** What the loops went through since the last call: those of proxy and worker, and of a process that does nothing. */
  reports(): Promise<LoopReports>
  stop(): Promise<void>
}

export async function deployWatched(): Promise<WatchedDeployment> {
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-loops-'))
  const engine = createServer(tell)
  engine.listen(0, '127.0.0.1')
  await once(engine, 'listening')
  const before = process.env.NODE_OPTIONS
  process.env.NODE_OPTIONS = `${before ?? ''} --import=${new URL('./loop-probe.ts', import.meta.url)}`
  process.env.LOOP_PROBE_FOLDER = folder
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)', 'idle'], { stdio: 'ignore' })
  const stopOthers = () => {
    idle.kill()
    engine.close()
    engine.closeAllConnections()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const deployment = await deploy({ engines: [`http://127.0.0.1:${(engine.address() as AddressInfo).port}`] })
    const report = (pid: number) => reportOf(pid, folder)
    return {
      deployment,
      async reports() {
        const [worker] = deployment.workers.values()
        const pids = [deployment.proxy.pid, worker!.pid, idle.pid!]
        const [first, second, third] = await Promise.all(pids.map(report))
        return { proxy: first!, worker: second!, idle: third! }
      },
      async stop() {
        await deployment.stop()
        stopOthers()
      },
    }
  } catch (error) {
    stopOthers()
    throw error
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
    delete process.env.LOOP_PROBE_FOLDER
  }
}

async function reportOf(pid: number, folder: string): Promise<LoopReport> {
  const file = join(folder, `${pid}.json`)
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  return eventually(async () => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LoopReport) : undefined))
}

/** An engine whose answer is the digest of what it was asked, up to the salt that a worker adds at the end. */
function tell(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET') {
    const data = [{ id: model, object: 'model', created: 0, owned_by: 'test', max_model_len: 8_192 }]
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'list', data }))
    return
  }
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => void answer(parts, response))
}

async function answer(parts: readonly Buffer[], response: ServerResponse): Promise<void> {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const tail = Buffer.concat(parts.slice(-3))
  const kept = size - (tail.length - tail.lastIndexOf(',"cache_salt":'))
  const content = await digest(parts, kept)
  const usage = { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 }
  const choices = [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop', logprobs: null }]
  const body = JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model, choices, usage })
  response.writeHead(200, { 'content-type': 'application/json' }).end(body)
}

async function digest(parts: readonly Buffer[], length: number): Promise<string> {
  const hash = createHash('sha256')
  let left = length
  for (const part of parts) {
    hash.update(part.subarray(0, left))
    left = Math.max(left - part.length, 0)
    await setImmediate()
  }
  return hash.digest('hex')
}

/** A request of exactly `size` bytes, as it is and gzipped, and what the engine answers to it. */
export interface LargeRequest {
  readonly plain: Buffer
  readonly gzipped: Buffer
  readonly expected: string
}

/** Text that gzip halves or so, for a body that packs to nothing would be no load. */
export async function largeRequest(size: number): Promise<LargeRequest> {
  const words = Buffer.from(Array.from({ length: 8_192 }, (_, i) => createHash('sha256').update(`${i}`).digest('base64')).join(' '))
  const frame = JSON.stringify({ model, max_tokens: 1, messages: [{ role: 'user', content: '' }] })
  const content = Buffer.alloc(size - frame.length, words)
  const [start, end] = [frame.slice(0, frame.indexOf('""') + 1), frame.slice(frame.indexOf('""') + 1)]
  const plain = Buffer.concat([Buffer.from(start), content, Buffer.from(end)])
  const gzipped = await new Promise<Buffer>((resolve, reject) =>
    gzip(plain, { level: 1 }, (error, bytes) => (error ? reject(error) : resolve(bytes))),
  )
  return { plain, gzipped, expected: createHash('sha256').update(plain.subarray(0, -1)).digest('hex') }
}

/**
 * Sends a body straight to the proxy, for what checks answers on the way would be measured too, and checks the answer here;
 * what the engine told, and how long it all took.
 */
export async function send(deployment: Deployment, body: Buffer, encoding = 'identity'): Promise<{ told: string; ms: number }> {
  const started = performance.now()
  const request = httpRequest(`${deployment.proxy.ready.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${deployment.apiKey}`,
      'content-type': 'application/json',
      'content-encoding': encoding,
      'content-length': body.length,
    },
  })
  // A refusal may come while the body is still on its way.
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  await Promise.race([answered, write(request, body)])
  const [response] = await answered
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const ms = performance.now() - started
  const text = Buffer.concat(parts).toString('utf8')
  const { statusCode: status = 0, headers } = response
  checkAnswer({ method: 'POST', path: '/v1/chat/completions', status, contentType: headers['content-type'] }, text)
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${text}`)
  const { choices } = JSON.parse(text) as { choices: { message: { content: string } }[] }
  return { told: choices[0]!.message.content, ms }
}

async function write(request: ClientRequest, body: Buffer): Promise<void> {
  const closed = once(request, 'close').catch(() => {})
  for (let at = 0; at < body.length; at += mebibyte) {
    if (!request.write(body.subarray(at, at + mebibyte))) await Promise.race([once(request, 'drain'), closed])
    if (request.destroyed) return
  }
  request.end()
}

export const smallBody = Buffer.from(JSON.stringify({ model, max_tokens: 1, messages: [{ role: 'user', content: 'hello' }] }))

/** Sends small requests one after another while `meanwhile` goes on; their times, in order of size. */
export async function smallRequests(deployment: Deployment, meanwhile: Promise<unknown>): Promise<number[]> {
  let over = false
  const end = () => {
    over = true
  }
  meanwhile.then(end, end)
  const times: number[] = []
  while (!over) {
    times.push((await send(deployment, smallBody)).ms)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return times.sort((a, b) => a - b)
}
