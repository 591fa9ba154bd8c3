/**
 * Which blocks of the sources ran, by V8's precise coverage through node:inspector. It has to be started before the sources are
 * loaded. V8 counts by blocks: the arms of each branch, the bodies of loops and functions, what follows a return.
 */
import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const top = resolve(import.meta.dirname, '../../..')

/** A block of a source, and whether it ever ran. */
export interface Block {
  readonly file: string
  /** The line where it begins, from 1. */
  readonly line: number
  /** Its first and last character. */
  readonly range: string
  readonly ran: boolean
}

interface Source {
  readonly name: string
  readonly text: string
  /** One byte for each character: whether it ever ran. */
  readonly ran: Uint8Array
  /** As `ran`, but only of what was kept. */
  readonly seen: Uint8Array
  /** Where each block begins, by its range: V8 names a block only when its count differs from that around it, so they are collected. */
  readonly blocks: Map<string, number>
}

export class Coverage {
  readonly #session = new Session()
  readonly #sources = new Map<string, Source>()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** The sources that count from now on, and that nothing of them was seen. */
  watch(files: readonly string[]): void {
    this.#sources.clear()
    this.#take()
    for (const name of files) {
      const text = readFileSync(join(top, name), 'utf8')
      const none = () => new Uint8Array(text.length)
      this.#sources.set(pathToFileURL(join(top, name)).href, { name, text, ran: none(), seen: none(), blocks: new Map() })
    }
  }

  /** Whether something ran since the last look that had never run before. What it was counts as seen only where `keep`. */
  sawNew(keep: boolean): boolean {
    let found = false
    for (const { source, painted } of this.#take()) {
      for (let offset = 0; offset < painted.length; offset++) {
        if (painted[offset] === 0 || source.seen[offset] === 1) continue
        found = true
        if (keep) source.seen[offset] = 1
      }
    }
    return found
  }

  /** All blocks that V8 ever told apart. */
  blocks(): Block[] {
    this.#take()
    return Array.from(this.#sources.values(), ({ name, text, ran, blocks }) =>
      Array.from(blocks, ([range, start]) => ({ file: name, line: text.slice(0, start).split('\n').length, range, ran: ran[start] === 1 })),
    ).flat()
  }

  stop(): void {
    this.#session.disconnect()
  }

  /** What ran since the last look. */
  #take(): { source: Source; painted: Uint8Array }[] {
    let scripts: Profiler.ScriptCoverage[] = []
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error
      scripts = answer.result
    })
    return scripts.flatMap(({ url, functions }) => {
      const source = this.#sources.get(url)
      return source ? [{ source, painted: paint(functions, source) }] : []
    })
  }
}

/** One byte for each character: whether it ran. Ranges come outermost first, so inner ones have the last word. */
function paint(functions: readonly Profiler.FunctionCoverage[], { text, ran, blocks }: Source): Uint8Array {
  const painted = new Uint8Array(text.length)
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      painted.fill(count > 0 ? 1 : 0, startOffset, endOffset)
      // The module itself ran when it was loaded.
      if (startOffset > 0) blocks.set(`${startOffset}-${endOffset}`, startOffset)
    }
  }
  for (let offset = 0; offset < painted.length; offset++) if (painted[offset] === 1) ran[offset] = 1
  return painted
}
