/** What software this is: the version, and a digest over the sources that run, for the keyset's `software` member. */
import { readdirSync, readFileSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { concat, sha256, toHex, u32, utf8 } from './bytes.ts'

/**
 * Version of the package, and `sha256:` over path and content of every file beside and below the running sources, in the
 * order of their paths. It says what was started; what proves it are the TD's measurements.
 */
export function runningSoftware(): { image_digest: string; version: string } {
  const sources = fileURLToPath(new URL('..', import.meta.url))
  const files = readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => resolve(entry.parentPath, entry.name))
    .map(file => ({ file, path: relative(sources, file).split(sep).join('/') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  const parts = files.flatMap(({ file, path }) => [counted(utf8(path)), sha256(readFileSync(file))])
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return { image_digest: `sha256:${toHex(sha256(...parts))}`, version }
}

function counted(bytes: Buffer): Buffer {
  return concat(u32(bytes.length), bytes)
}
