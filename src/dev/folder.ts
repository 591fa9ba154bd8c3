/** The data folder of the development mode: what is in it, and who may use it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from '../config.ts'
import { messageOf } from '../lib/coded-error.ts'

/** Paths inside the data folder. */
export interface DevFolder {
  readonly root: string
  readonly devFile: string
  readonly keyFile: string
  readonly policyFile: string
  readonly authority: string
  readonly chain: string
  readonly proxyData: string
  readonly keys: string
  readonly logs: string
  file(name: string): string
}

const marker = '.chrysalis-dev'
const lockName = '.lock'

/**
 * Opens the data folder, made on the first start, for this process alone until it ends. `fresh` empties it first, but only a
 * folder that an earlier start has made. Throws {@link ConfigError} where another `chrysalis dev` uses it, it holds something
 * else, or it cannot be used.
 */
export function openFolder(path: string, fresh: boolean): DevFolder {
  const root = resolve(path)
  try {
    makeFolder(root)
    if (readdirSync(root).length > 0 && !existsSync(join(root, marker)))
      throw new ConfigError('invalid', `${root} holds something else than a development deployment; name another folder with --data`)
    lock(root)
    if (fresh) for (const name of readdirSync(root)) if (name !== lockName) rmSync(join(root, name), { recursive: true })
    writeFileSync(join(root, marker), 'Made by `chrysalis dev`. Everything here is for development and may be deleted.\n')
    for (const name of ['keys', 'logs', 'proxy']) makeFolder(join(root, name))
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    throw new ConfigError('invalid', `the data folder ${root} cannot be used: ${messageOf(cause)}; name another folder with --data`, {
      cause,
    })
  }
  return {
    root,
    devFile: join(root, 'dev.json'),
    keyFile: join(root, 'key'),
    policyFile: join(root, 'policy.json'),
    authority: join(root, 'authority'),
    chain: join(root, 'chain'),
    proxyData: join(root, 'proxy'),
    keys: join(root, 'keys'),
    logs: join(root, 'logs'),
    file: name => join(root, name),
  }
}

function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

/**
 * Keeps other starts out until this process ends, however it ends. A lock of SQLite's, because the system gives it back with
 * the process; a number in a file would stay behind after a kill, and name some other program after the next boot.
 */
function lock(root: string): void {
  const held = new DatabaseSync(join(root, lockName))
  try {
    held.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    held.close()
    if (!/locked|busy/i.test(messageOf(cause))) throw cause
    throw new ConfigError(
      'invalid',
      `another chrysalis dev ${runningProcess(root)} uses ${root}; stop it or name another folder with --data`,
    )
  }
  // Never closed: the lock ends with the process. Held by the array, or it would be collected, and the lock with it.
  locks.push(held)
}

const locks: DatabaseSync[] = []

function runningProcess(root: string): string {
  try {
    const { pid } = JSON.parse(readFileSync(join(root, 'dev.json'), 'utf8')) as { pid?: unknown }
    return `(process ${pid})`
  } catch {
    return '(still starting, or stopping)'
  }
}

/**
 * Waits, for `limitMs` at most, until the parts of a run that was killed have let go of the chain and the ledger: they stop by
 * themselves when their parent is gone, and finish running answers first. Nobody else can have them, since the folder is ours.
 */
export async function untilPartsAreGone(folder: DevFolder, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs
  for (const file of [join(folder.chain, 'chain.sqlite'), join(folder.proxyData, 'ledger.sqlite')]) {
    while (isHeld(file) && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 100))
  }
}

function isHeld(file: string): boolean {
  if (!existsSync(file)) return false
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK')
    return false
  } catch (error) {
    // What else may be wrong with the file is told by the role that it belongs to.
    return /locked|busy/i.test(messageOf(error))
  } finally {
    database.close()
  }
}

/** Writes a file that only its owner can read, whole or not at all. */
export function writePrivate(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.new`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
  renameSync(temporary, file)
}
