/** A thread of `npm run fuzz`: fuzzes one target, and shows each input before it runs, so that one that never ends is not lost. */
import { parentPort, workerData } from 'node:worker_threads'
import { Coverage } from './harness/coverage.ts'
import { fuzz } from './harness/fuzz.ts'

export interface WorkerTask {
  readonly target: string
  readonly seed: number
  readonly ms: number
  readonly corpus: string | undefined
  /** Two numbers, inputs begun and the size of the present one, then its bytes. */
  readonly shown: SharedArrayBuffer
}

const { target: name, seed, ms, corpus, shown } = workerData as WorkerTask
const numbers = new Int32Array(shown, 0, 2)
const bytes = new Uint8Array(shown, 8)

// What is loaded after this is counted by blocks; nothing of the sources may come before it.
const coverage = new Coverage()
const { targets } = await import('./targets/index.ts')
const target = targets.find(candidate => candidate.name === name)!
const report = await fuzz(target, {
  seed,
  corpus,
  until: { ms },
  coverage,
  before(input) {
    bytes.set(input.subarray(0, bytes.length))
    Atomics.store(numbers, 1, Math.min(input.length, bytes.length))
    Atomics.add(numbers, 0, 1)
  },
})
coverage.stop()
parentPort!.postMessage(report)
