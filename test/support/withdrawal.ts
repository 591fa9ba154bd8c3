/** A policy that is withdrawn while a worker streams to many callers, and what still reaches its engine. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Deployment, deploy } from './deployment.ts'
import { eventually } from './eventually.ts'
import { ScriptedEngine } from './scripted-engine.ts'

/** What happened; times are milliseconds from the signal that the proxy reads its policy again at. */
export interface Withdrawal {
  /** When the last request reached the engine, and when a caller was first refused. */
  readonly lastArrival: number
  readonly firstRefusal: number
  /** Streams that ran at the signal, and how many of them came to their proper end. */
  readonly running: number
  readonly ended: number
  /** Requests after everyone had been refused once: how many there were, how many were refused, how many reached the engine. */
  readonly after: { readonly asked: number; readonly refused: number; readonly arrived: number }
  /** From the signal that puts the policy back to the first answer. */
  readonly backAfter: number
}

const callers = 8
const question = { model: 'scripted', stream: true, messages: [{ role: 'user', content: 'hello' }] }
const tokens = Array.from({ length: 60 }, (_, index) => ` w${index}`)

/** Starts a deployment, withdraws its policy while 8 callers stream one answer after the other, and puts it back. */
export async function withdrawPolicy(): Promise<Withdrawal> {
  const engine = await ScriptedEngine.start({ mode: 'paced', paceMs: 3, tokens })
  const deployment = await deploy({ engines: [engine.url] })
  try {
    return await run(deployment, engine)
  } finally {
    await deployment.stop()
    await engine.close()
  }
}

async function run(deployment: Deployment, engine: ScriptedEngine): Promise<Withdrawal> {
  const file = join(deployment.folder, 'policy.json')
  const policy = readFileSync(file, 'utf8')
  const streaming = new Set<symbol>()
  let signalledAt = Number.POSITIVE_INFINITY
  let firstRefusedAt = Number.POSITIVE_INFINITY
  let ended = 0

  /** Streams until it is refused. */
  const caller = async () => {
    for (;;) {
      const response = await deployment.chat(question)
      if (response.status !== 200) {
        firstRefusedAt = Math.min(firstRefusedAt, performance.now())
        await expectRefusal(response)
        return
      }
      const id = Symbol('stream')
      streaming.add(id)
      const text = await response.text()
      streaming.delete(id)
      if (performance.now() < signalledAt) continue
      if (text.includes(' w59"') && text.endsWith('data: [DONE]\n\n')) ended += 1
    }
  }
  const done = Promise.all(Array.from({ length: callers }, caller))
  await eventually(async () => (engine.requests.length > 3 * callers && streaming.size >= callers / 2 ? true : undefined))

  writeFileSync(file, JSON.stringify({ ...JSON.parse(policy), mr_td: ['ab'.repeat(48)] }))
  const before = engine.requests.length
  const running = streaming.size
  signalledAt = performance.now()
  deployment.proxy.signal('SIGHUP')
  await done
  const arrivals = engine.requests.length
  const lastArrival = arrivals === before ? 0 : engine.requests.at(-1)!.at - signalledAt

  const answers = await Promise.all(Array.from({ length: 10 * callers }, () => deployment.chat(question)))
  for (const response of answers) await expectRefusal(response)
  const after = { asked: answers.length, refused: answers.length, arrived: engine.requests.length - arrivals }

  writeFileSync(file, policy)
  const backAt = performance.now()
  deployment.proxy.signal('SIGHUP')
  await eventually(async () => {
    const response = await deployment.chat(question)
    await response.text()
    return response.status === 200 ? true : undefined
  })
  return { lastArrival, firstRefusal: firstRefusedAt - signalledAt, running, ended, after, backAfter: performance.now() - backAt }
}

async function expectRefusal(response: Response): Promise<void> {
  const { error } = (await response.json()) as { error: { code: string } }
  if (response.status !== 503 || error.code !== 'no_attested_worker')
    throw new Error(`${response.status} ${error.code} in place of a refusal`)
}
