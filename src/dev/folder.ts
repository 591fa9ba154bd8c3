/** The data folder of the development mode: what is in it, and who may use it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ConfigError } from '../config.ts'

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

/**
 * Opens the data folder, made on the first start. `fresh` empties it first, but only a folder that an earlier start has
 * made. Throws {@link ConfigError} where another `chrysalis dev` uses it or it holds something else.
 */
export function openFolder(path: string, fresh: boolean): DevFolder {
  const root = resolve(path)
  const exists = existsSync(root) && readdirSync(root).length > 0
  if (exists && !existsSync(join(root, marker)))
    throw new ConfigError('invalid', `${root} holds something else than a development deployment; name another folder with --data`)
  refuseIfRunning(root)
  if (exists && fresh) rmSync(root, { recursive: true })
  for (const folder of [root, join(root, 'keys'), join(root, 'logs'), join(root, 'proxy')])
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(root, marker), 'Made by `chrysalis dev`. Everything here is for development and may be deleted.\n')
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

function refuseIfRunning(root: string): void {
  let pid: unknown
  try {
    pid = (JSON.parse(readFileSync(join(root, 'dev.json'), 'utf8')) as { pid?: unknown }).pid
  } catch {
    return
  }
  if (typeof pid === 'number' && pid !== process.pid && isAlive(pid))
    throw new ConfigError('invalid', `another chrysalis dev (process ${pid}) uses ${root}; stop it or name another folder with --data`)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Writes a file that only its owner can read, whole or not at all. */
export function writePrivate(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.new`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
  renameSync(temporary, file)
}
