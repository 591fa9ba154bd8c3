/** What it costs that workers are paid: the same load through two deployments that differ in this alone, turn by turn. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { type Deployment, deploy } from '../test/support/deployment.ts'
import { median } from '../test/support/leaving.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const seconds = Number(process.env.BENCH_SECONDS ?? 4)
const body = JSON.stringify({
  model: 'synthetic',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Tell me what you know. '.repeat(16) }],
})

export async function pay(): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('synthetic-engine.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [first] = (await once(child.stdout, 'data')) as [Buffer]
  const { url } = JSON.parse(first.toString()) as { url: string }
  const limits = { per_key: { requests_per_minute: 100_000_000, tokens_per_minute: 1_000_000_000_000, concurrent: 100_000 } }
  const kinds = [
    { name: 'for nothing', deployment: await deploy({ engines: [url], proxy: { limits } }) },
    { name: 'paid', deployment: await deploy({ engines: [url], proxy: { limits }, paid: {} }) },
  ]
  try {
    for (const connections of [1, 16]) {
      const seen = new Map(kinds.map(({ name }) => [name, { rate: [] as number[], cpu: [] as number[] }]))
      for (let round = 0; round <= rounds; round++)
        for (const { name, deployment } of round % 2 ? kinds.toReversed() : kinds) {
          const { rate, cpu } = await load(deployment, connections)
          if (round === 0) continue
          seen.get(name)!.rate.push(rate)
          seen.get(name)!.cpu.push(cpu)
        }
      console.log(
        `\nJSON, ${connections} at once, median of ${rounds} rounds of ${seconds} s\n\n| the worker works | req/s | CPU µs/req |\n| --- | --- | --- |`,
      )
      for (const [name, { rate, cpu }] of seen) console.log(`| ${name} | ${median(rate).toFixed(0)} | ${median(cpu).toFixed(0)} |`)
      const [free, paid] = [...seen.values()]
      console.log(`\nCPU ratio ${(median(paid!.cpu) / median(free!.cpu)).toFixed(3)}`)
    }
  } finally {
    for (const { deployment } of kinds) await deployment.stop()
    child.kill()
  }
}

async function load(deployment: Deployment, connections: number): Promise<{ rate: number; cpu: number }> {
  const pids = [deployment.proxy.pid, deployment.workers.get('worker-1')!.pid]
  const before = cpuMicros(pids)
  const { '2xx': served, duration } = await autocannon({
    url: `${deployment.proxy.ready.url}/v1/chat/completions`,
    method: 'POST',
    connections,
    duration: seconds,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${deployment.apiKey}` },
    body,
  })
  return { rate: served / duration, cpu: (cpuMicros(pids) - before) / served }
}

/** CPU time that processes have used, from /proc. */
function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return sum + (Number(fields[11]) + Number(fields[12])) * 10_000
  }, 0)
}
