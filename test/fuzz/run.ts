/**
 * `npm run fuzz`: every reader of foreign bytes, fed changed ones. README.md beside this says how, and how to add a target.
 *
 *   --minutes N    for all targets together (10)
 *   --target NAME  one of them; may stand several times
 *   --seed N       another run than the last (1)
 *   --out DIR      where inputs go that must not be (fuzz-findings)
 *   --input FILE   with --target: run this one input and say what comes of it
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Block } from './harness/coverage.ts'
import type { Finding, FuzzReport } from './harness/fuzz.ts'
import { targets } from './targets/index.ts'
import type { WorkerTask } from './worker.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    target: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'fuzz-findings' },
    input: { type: 'string' },
  },
})
const names = targets.map(target => target.name)
const wanted = values.target.length > 0 ? values.target : names
const unknown = wanted.filter(name => !names.includes(name))
const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
if (unknown.length > 0 || !(minutes > 0) || !Number.isInteger(seed) || (values.input && wanted.length !== 1)) {
  console.error(unknown.length > 0 ? `no such target: ${unknown.join(', ')}; there is ${names.join(', ')}` : 'wrong usage')
  process.exit(2)
}
const corpus = process.env.CHRYSALIS_TDX_DATA

/** An input that runs for longer is one that may never end. */
const hangMs = 10_000
const shownBytes = 64 * 1024

if (values.input) {
  const target = targets.find(candidate => candidate.name === wanted[0])!
  target.seeds(corpus)
  const started = performance.now()
  try {
    await target.run(readFileSync(values.input))
    console.log('accepted')
  } catch (error) {
    console.log(target.isRefusal(error) ? `refused: ${String(error)}` : error)
  }
  console.log(`${(performance.now() - started).toFixed(2)} ms`)
  process.exit(0)
}

console.log(
  `seed ${seed}, ${minutes} minutes, ${corpus ? 'seeded from the authority and from CHRYSALIS_TDX_DATA' : 'seeded from the authority'}\n`,
)
console.log('target           inputs   per s   kept   blocks reached      slowest   findings')
const reports: FuzzReport[] = []
for (const name of wanted) {
  const report = await watched(name, (minutes * 60_000) / wanted.length)
  reports.push(report)
  print(report)
}
printSources(reports.flatMap(report => report.blocks))
process.exit(reports.some(report => report.findings.length > 0) ? 1 : 0)

/** One target in a thread of its own, which is stopped when it shows no new input for too long. */
function watched(target: string, ms: number): Promise<FuzzReport> {
  const shown = new SharedArrayBuffer(8 + shownBytes)
  const numbers = new Int32Array(shown, 0, 2)
  const task: WorkerTask = { target, seed, ms, corpus, shown }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task })
  const lost = (kind: Finding['kind'], what: string): FuzzReport => {
    const input = new Uint8Array(shown, 8).slice(0, Atomics.load(numbers, 1))
    return {
      target,
      runs: Atomics.load(numbers, 0),
      seeds: 0,
      kept: 0,
      ms,
      slowest: { ms: 0, input },
      findings: [{ kind, input, what }],
      blocks: [],
    }
  }
  return new Promise(resolve => {
    let [seen, since] = [0, Date.now()]
    const timer = setInterval(() => {
      const begun = Atomics.load(numbers, 0)
      if (begun !== seen || begun === 0) [seen, since] = [begun, Date.now()]
      else if (Date.now() - since > hangMs) settle(lost('hang', `no end after ${hangMs / 1000} s`))
    }, 250)
    const settle = (report: FuzzReport): void => {
      clearInterval(timer)
      void worker.terminate()
      resolve(report)
    }
    worker.once('message', settle)
    // Out of memory, or an error outside of any input: the last input is the best there is to go on.
    worker.once('error', error => settle(lost('crash', String(error))))
  })
}

function print({ target, runs, ms, kept, blocks, slowest, findings }: FuzzReport): void {
  console.log(
    [
      target.padEnd(12),
      String(runs).padStart(10),
      String(Math.round((runs * 1000) / ms)).padStart(7),
      String(kept).padStart(6),
      share(blocks).padStart(21),
      `${slowest.ms.toFixed(2)} ms`.padStart(10),
      String(findings.length).padStart(8),
    ].join(' '),
  )
  if (findings.length > 0) mkdirSync(values.out, { recursive: true })
  for (const [index, { kind, what, input }] of findings.entries()) {
    const file = join(values.out, `${target}-${seed}-${index}.bin`)
    writeFileSync(file, input)
    console.log(`             ${kind}: ${what}\n             npm run fuzz -- --target ${target} --input ${relative(process.cwd(), file)}`)
  }
}

/** By source, what any of the targets reached. */
function printSources(blocks: readonly Block[]): void {
  const each = [...Map.groupBy(blocks, block => `${block.file} ${block.range}`).values()].map(same => ({
    ...same[0]!,
    ran: same.some(block => block.ran),
  }))
  console.log('\nblocks reached by any target, and where those begin that were not')
  for (const [file, own] of Map.groupBy(each, block => block.file)) {
    const lines = [...new Set(own.filter(block => !block.ran).map(block => block.line))].sort((a, b) => a - b)
    console.log(`${file.padEnd(40)} ${share(own).padStart(21)}   ${lines.join(' ')}`)
  }
  console.log(`${'all'.padEnd(40)} ${share(each).padStart(21)}`)
}

function share(blocks: readonly Block[]): string {
  const ran = blocks.filter(block => block.ran).length
  return blocks.length === 0 ? '-' : `${ran} of ${blocks.length} (${((100 * ran) / blocks.length).toFixed(1)} %)`
}
