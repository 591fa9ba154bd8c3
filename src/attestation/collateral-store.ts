/**
 * Collateral on disk, so that a restart needs no network. A file proves nothing by being ours: whoever reads it verifies it
 * again, and what is not whole or not of our form counts as not there.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { fromBase64, toBase64 } from '../lib/bytes.ts'
import type { CollateralParts } from './tdx/collateral.ts'

export interface KeptCollateral {
  readonly parts: CollateralParts
  /** When it was verified, ms since the epoch. */
  readonly verifiedAt: number
}

const maxFile = 4 * 1024 * 1024

const schema = z.strictObject({
  version: z.literal(1),
  verifiedAt: z.int().positive(),
  tcbInfo: z.string(),
  qeIdentity: z.string(),
  pckCrl: z.string(),
  rootCaCrl: z.string(),
  tcbIssuerChain: z.string(),
  pckCrlIssuerChain: z.string(),
})

/** What `keep` wrote under `key`, or undefined for anything else. Nothing of it is verified. */
export function readKept(directory: string, key: string): KeptCollateral | undefined {
  try {
    const { version: _, verifiedAt, ...kept } = schema.parse(JSON.parse(readRegularFile(fileOf(directory, key))))
    return { parts: { ...kept, pckCrl: fromBase64(kept.pckCrl), rootCaCrl: fromBase64(kept.rootCaCrl) }, verifiedAt }
  } catch {
    return undefined
  }
}

/** Keeps them for the next run, for our own eyes. A disk that is full costs a restart its head start, and no worker its lease. */
export function keep(directory: string, key: string, { parts, verifiedAt }: KeptCollateral): void {
  const file = fileOf(directory, key)
  const { pckCrl, rootCaCrl, ...texts } = parts
  const text = JSON.stringify({ version: 1, verifiedAt, ...texts, pckCrl: toBase64(pckCrl), rootCaCrl: toBase64(rootCaCrl) })
  try {
    rmSync(`${file}.new`, { force: true })
    writeFileSync(`${file}.new`, text, { mode: 0o600, flag: 'wx' })
    renameSync(`${file}.new`, file)
  } catch {
    // What is not kept is fetched again.
  }
}

/** Forgets what was kept, as far as the disk lets it. */
export function forget(directory: string, key: string): void {
  try {
    rmSync(fileOf(directory, key), { force: true })
  } catch {
    // A disk that takes no change: the next start finds it again, and asks the service again before half its window is over.
  }
}

function fileOf(directory: string, key: string): string {
  return join(directory, `${key}.json`)
}

/** No link, no pipe that never ends, nothing larger than collateral can be. */
function readRegularFile(file: string): string {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(handle)
    if (!stat.isFile() || stat.size > maxFile) throw new Error('not a file of ours')
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}
