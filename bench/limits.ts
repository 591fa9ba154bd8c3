/** What limits and idempotency keys cost: the decision alone, what a key takes of memory, and a named request beside an unnamed one. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fingerprint, onceName } from '../src/api/idempotency-key.ts'
import { Admission, RateLimiter } from '../src/api/rate-limiter.ts'
import { deploy } from '../test/support/deployment.ts'
import { median } from '../test/support/leaving.ts'
import { ScriptedEngine } from '../test/support/scripted-engine.ts'

const decisions = 1_000_000
const keys = 50_000
const requests = Number(process.env.BENCH_NAMED ?? 300)

export async function limits(): Promise<void> {
  console.log('| what | figure |\n| --- | --- |')
  decide()
  remember()
  await name()
  await serve()
}

function row(what: string, figure: string): void {
  console.log(`| ${what} | ${figure} |`)
}

const open = { requestsPerMinute: 1e9, tokensPerMinute: 1e12, concurrent: 10 }

function decide(): void {
  const limiter = new RateLimiter({ limits: open })
  const started = performance.now()
  for (let now = 0; now < decisions; now++) {
    const admission = limiter.admit('key', now)
    if (!(admission instanceof Admission)) throw new Error('refused')
    admission.takeTokens(1_000, now)
    admission.end(100, now)
  }
  row('admit, take tokens, correct', `${(((performance.now() - started) / decisions) * 1_000).toFixed(2)} µs a request`)
}

/** A full collection on demand, without a flag on the command line. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

function remember(): void {
  const limiter = new RateLimiter({ limits: open })
  const collect = collector()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let key = 0; key < keys; key++) limiter.allowances(`${key}`.padStart(64, '0'), 0)
  collect()
  const taken = process.memoryUsage().heapUsed - before
  // Asked once more, so that the collector cannot have taken the limiter itself.
  if (limiter.running('key') !== 0) throw new Error('nothing runs')
  row(`${keys} keys remembered`, `${(taken / 2 ** 20).toFixed(1)} MiB`)
}

async function name(): Promise<void> {
  const small = Buffer.alloc(1_024, 'x')
  const started = performance.now()
  for (let count = 0; count < 20_000; count++) {
    onceName({ apiKey: 'sk-'.padEnd(64, 'x'), channel: 'EQ' }, `order-${count}`)
    await fingerprint({ path: '/v1/chat/completions', contentType: 'application/json', body: small })
  }
  row('name and fingerprint of a 1 KiB request', `${(((performance.now() - started) / 20_000) * 1_000).toFixed(1)} µs`)
  const large = Buffer.alloc(64 * 2 ** 20, 'x')
  let longest = 0
  let last = performance.now()
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last - 1)
    last = performance.now()
  }, 1)
  const begun = performance.now()
  await fingerprint({ path: '/v1/chat/completions', contentType: 'application/json', body: large })
  clearInterval(watch)
  row('fingerprint of 64 MiB', `${(performance.now() - begun).toFixed(0)} ms, the loop held for ${longest.toFixed(1)} ms at most`)
}

async function serve(): Promise<void> {
  const engine = await ScriptedEngine.start()
  const deployment = await deploy({ engines: [engine.url] })
  const question = { model: 'scripted', max_tokens: 50, messages: [{ role: 'user', content: 'hello' }] }
  const ask = async (key?: string): Promise<number> => {
    const started = performance.now()
    const response = await deployment.chat(question, {
      headers: {
        authorization: `Bearer ${deployment.apiKey}`,
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
    })
    await response.text()
    if (!response.ok) throw new Error(`status ${response.status}`)
    return performance.now() - started
  }
  try {
    for (let count = 0; count < 50; count++) await ask()
    const times: Record<'plain' | 'named' | 'replayed', number[]> = { plain: [], named: [], replayed: [] }
    for (let count = 0; count < requests; count++) {
      times.plain.push(await ask())
      times.named.push(await ask(`order-${count}`))
      times.replayed.push(await ask(`order-${count}`))
    }
    for (const [what, taken] of Object.entries(times))
      row(`chat completion, ${what}, median of ${requests}`, `${median(taken).toFixed(2)} ms`)
    const { spent } = await deployment.idle()
    row('charges', `${engine.requests.length} requests reached the engine of ${50 + 3 * requests} sent; ${spent} nanoTON spent`)
  } finally {
    await deployment.stop()
    await engine.close()
  }
}
