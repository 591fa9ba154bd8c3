/** The kernel's side of configfs-tsm, as far as one process sees it, with faults on demand. */
import { basename, dirname } from 'node:path'
import type { ConfigfsPort } from '../../../src/tee/index.ts'

interface Entry {
  written: Buffer
  generation: number
}

export class FakeTsm implements ConfigfsPort {
  readonly entries = new Map<string, Entry>()
  readonly names: string[] = []
  readonly steps: string[] = []
  /** Most entries that were there at once. */
  most = 0
  provider = 'tdx_guest\n'
  /** What `outblob` gives for what was written to `inblob`. */
  answer: (reportData: Buffer) => Buffer
  generation: (entry: Entry) => string = entry => `${entry.generation}\n`
  /** Errors to come, each for the next operation of that kind. */
  failures: [operation: string, errno: string][] = []
  /** How many times somebody else writes between our write and our read. */
  races = 0

  constructor(answer: (reportData: Buffer) => Buffer) {
    this.answer = answer
  }

  async makeFolder(path: string): Promise<void> {
    await this.#step('mkdir')
    this.entries.set(path, { written: Buffer.alloc(0), generation: 4 })
    this.names.push(path)
    this.most = Math.max(this.most, this.entries.size)
  }

  async removeFolder(path: string): Promise<void> {
    await this.#step('rmdir')
    this.entries.delete(path)
  }

  async read(path: string): Promise<Buffer> {
    const attribute = basename(path)
    await this.#step(attribute, `read ${attribute}`)
    const entry = this.entries.get(dirname(path))!
    if (attribute === 'provider') return Buffer.from(this.provider)
    if (attribute === 'generation') return Buffer.from(this.generation(entry))
    return this.answer(entry.written)
  }

  async writeOnce(path: string, bytes: Uint8Array): Promise<void> {
    await this.#step('inblob', `write inblob ${bytes.length}`)
    const entry = this.entries.get(dirname(path))!
    entry.written = Buffer.from(bytes)
    entry.generation += 1
    if (this.races > 0) {
      this.races -= 1
      entry.generation += 1
    }
  }

  async #step(operation: string, label = operation): Promise<void> {
    await Promise.resolve()
    this.steps.push(label)
    const index = this.failures.findIndex(([name]) => name === operation)
    if (index < 0) return
    const [[, code = ''] = []] = this.failures.splice(index, 1)
    throw Object.assign(new Error(`${code}: ${label}`), { code })
  }
}
