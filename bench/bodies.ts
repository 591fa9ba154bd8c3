/** Bodies of 64 MiB, plain and gzipped: the longest that proxy and worker were held up, their memory, and small requests meanwhile. */
import {
  deployWatched,
  type LoopReport,
  type LoopReports,
  largeRequest,
  send,
  smallBody,
  smallRequests,
} from '../test/support/large-bodies.ts'
import { median } from '../test/support/leaving.ts'

const turns = Number(process.env.BENCH_BODIES ?? 5)
const mebibyte = 1024 * 1024

export async function bodies(): Promise<void> {
  const [watched, large] = [await deployWatched(), await largeRequest(64 * mebibyte)]
  const { deployment } = watched
  try {
    for (let i = 0; i < 50; i++) await send(deployment, smallBody)
    console.log(`${turns} turns each; a block as its thread's own processor time, and by the clock, which also counts what others ran\n`)
    console.log(
      '| what | seconds | proxy: longest own / clock ms | worker: longest own / clock ms | idle process: clock ms | small requests: median / p99 / worst ms | MiB at most, proxy / worker |',
    )
    console.log('| --- | --- | --- | --- | --- | --- | --- |')
    const rest = async () => void (await new Promise(resolve => setTimeout(resolve, 1_500)))
    const cases: [string, () => Promise<unknown>][] = [
      ['small requests alone', rest],
      ['64 MiB of JSON', () => checked(send(deployment, large.plain), large.expected)],
      ['64 MiB of JSON, gzipped', () => checked(send(deployment, large.gzipped, 'gzip'), large.expected)],
      [
        'four of 64 MiB at once',
        () => Promise.all(Array.from({ length: 4 }, () => checked(send(deployment, large.plain), large.expected))),
      ],
    ]
    for (const [name, run] of cases) await row(name, run)
  } finally {
    await watched.stop()
  }

  async function row(name: string, run: () => Promise<unknown>): Promise<void> {
    const times: number[] = []
    const took: number[] = []
    const seen: LoopReports[] = []
    for (let turn = 0; turn < turns; turn++) {
      await watched.reports()
      const started = performance.now()
      const running = run().then(() => took.push(performance.now() - started))
      times.push(...(await smallRequests(deployment, running)))
      await running
      seen.push(await watched.reports())
    }
    times.sort((a, b) => a - b)
    const most = (role: keyof LoopReports, member: keyof LoopReport) => Math.max(...seen.map(report => report[role][member]))
    const block = (role: keyof LoopReports) => `${most(role, 'ownMs').toFixed(1)} / ${most(role, 'wallMs').toFixed(1)}`
    const small = [median(times), times[Math.floor(times.length * 0.99)]!, times.at(-1)!].map(ms => ms.toFixed(1)).join(' / ')
    const memory = [most('proxy', 'residentBytes'), most('worker', 'residentBytes')].map(bytes => (bytes / mebibyte).toFixed(0)).join(' / ')
    console.log(
      `| ${name} | ${(median(took) / 1_000).toFixed(2)} | ${block('proxy')} | ${block('worker')} | ${most('idle', 'wallMs').toFixed(1)} | ${small} | ${memory} |`,
    )
  }
}

async function checked(sending: Promise<{ told: string }>, expected: string): Promise<void> {
  if ((await sending).told !== expected) throw new Error('the engine got other bytes than were sent')
}
