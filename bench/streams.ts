/**
 * 256 streams at once, again and again, over the whole product: none crossed, none lost, and what memory it takes. The runtime
 * fills a large heap before it collects; NODE_OPTIONS='--max-old-space-size=80 --max-semi-space-size=4' shows what is really kept.
 */
import { deploy } from '../test/support/deployment.ts'
import { manyStreams, residentMegabytes } from '../test/support/many-streams.ts'
import { ScriptedEngine } from '../test/support/scripted-engine.ts'

const rounds = Number(process.env.BENCH_STREAM_ROUNDS ?? 40)
const streamCount = 256
const tokens = 64

export async function streams(): Promise<void> {
  const engine = await ScriptedEngine.start()
  const deployment = await deploy({ engines: [engine.url] })
  try {
    const parts = { proxy: deployment.proxy.pid, worker: deployment.workers.get('worker-1')!.pid }
    const memory = () => Object.values(parts).map(pid => residentMegabytes(pid))
    const rows: number[][] = []
    const first = memory()
    let wrong = 0
    const times: number[] = []
    for (let round = 1; round <= rounds; round++) {
      const started = performance.now()
      wrong += (await manyStreams({ deployment, engine, streams: streamCount, tokens })).length
      times.push(performance.now() - started)
      rows.push(memory())
    }
    const inAll = rounds * streamCount
    console.log(`${inAll} streams of ${tokens} tokens, ${streamCount} at once: ${wrong} with anything wrong\n`)
    console.log(`a round takes ${(times.toSorted((a, b) => a - b)[rounds >> 1]! / 1000).toFixed(2)} s (median)\n`)
    console.log(`| resident, MB | ${Object.keys(parts).join(' | ')} |\n| --- | --- | --- |`)
    const line = (name: string, values: readonly number[]) =>
      console.log(`| ${name} | ${values.map(value => value.toFixed(0)).join(' | ')} |`)
    line('before', first)
    for (let round = 1; round <= rounds; round *= 2) line(`after round ${round}`, rows[round - 1]!)
    line(`after round ${rounds}`, rows.at(-1)!)
  } finally {
    await deployment.stop()
    await engine.close()
  }
}
