/**
 * Preloaded into the roles of a deployment (`NODE_OPTIONS=--import`): how long their event loop was held up. A timer comes
 * back every millisecond; what is longer between two of its turns is a block. The main thread's own processor time in it tells
 * what the process did itself from what the machine gave to others, and an idle process that is preloaded too shows what the
 * machine alone makes of a loop. SIGUSR2 writes what was seen since the last time.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const folder = process.env.LOOP_PROBE_FOLDER
const roles = ['proxy', 'worker', 'idle']
if (folder !== undefined && isMainThread && process.argv.some(argument => roles.includes(argument))) {
  let wallMs = 0
  let ownMs = 0
  let at = performance.now()
  let used = process.threadCpuUsage()
  const turn = () => {
    const now = performance.now()
    const { user, system } = process.threadCpuUsage(used)
    wallMs = Math.max(wallMs, now - at)
    ownMs = Math.max(ownMs, (user + system) / 1_000)
    at = now
    used = process.threadCpuUsage()
    setTimeout(turn, 1).unref()
  }
  turn()
  process.on('SIGUSR2', () => {
    const file = `${folder}/${process.pid}`
    writeFileSync(`${file}.new`, JSON.stringify({ wallMs, ownMs, residentBytes: process.memoryUsage.rss() }))
    renameSync(`${file}.new`, `${file}.json`)
    wallMs = 0
    ownMs = 0
  })
}
