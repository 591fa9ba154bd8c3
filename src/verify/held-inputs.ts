/**
 * Files that many cases share, each read once: collateral folders, roots and policies. What is held is bounded, by number and by
 * bytes, so that a batch of any length fits into the same memory.
 */
import { LRUCache } from 'lru-cache'
import { type Collateral, type CollateralParts, intelRootDer, loadCollateral, type Policy } from '../attestation/index.ts'
import { readCollateralFolder, readPolicyFile, readRootFile } from './files.ts'

const most = 64
const mostBytes = 64 * 1024 * 1024

export class HeldInputs {
  readonly #parts = new LRUCache<string, CollateralParts>({ max: most, maxSize: mostBytes, sizeCalculation: sizeOf })
  readonly #collateral = new LRUCache<string, Collateral>({ max: most })
  readonly #roots = new LRUCache<string, Buffer>({ max: most })
  readonly #policies = new LRUCache<string, Policy>({ max: most })

  /** The trusted root of a file, Intel's where there is none. */
  async root(file: string | undefined): Promise<Uint8Array> {
    return file === undefined ? intelRootDer : held(this.#roots, file, () => readRootFile(file))
  }

  async policy(file: string | undefined): Promise<Policy | undefined> {
    return file === undefined ? undefined : held(this.#policies, file, () => readPolicyFile(file))
  }

  /** The collateral of a folder as it stands at `at` (ms), verified under a root once for the whole time in which it is current. Throws what reading and verifying throw. */
  async collateral(folder: string, rootFile: string | undefined, at: number): Promise<Collateral> {
    const key = JSON.stringify([folder, rootFile ?? null])
    const known = this.#collateral.get(key)
    if (known && at >= known.validFrom && at < known.validUntil) return known
    const parts = await held(this.#parts, folder, () => readCollateralFolder(folder))
    const collateral = loadCollateral(parts, at, await this.root(rootFile))
    this.#collateral.set(key, collateral)
    return collateral
  }
}

async function held<Value extends object>(cache: LRUCache<string, Value>, key: string, read: () => Promise<Value>): Promise<Value> {
  const known = cache.get(key)
  if (known !== undefined) return known
  const value = await read()
  cache.set(key, value)
  return value
}

function sizeOf(parts: CollateralParts): number {
  return Object.values(parts).reduce((sum: number, part: string | Uint8Array) => sum + part.length, 1)
}
