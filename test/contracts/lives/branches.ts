/**
 * Which instructions of a contract ran, and which way its branches went, from the TVM's own logs. A branch is a conditional
 * jump or a conditional throw; it is taken both ways when two different things came after it: two places, or a place and an
 * exception.
 */
import type { Cell } from '@ton/core'
import { collectAsmCoverage } from '@ton/sandbox'

interface Place {
  readonly instruction: string
  readonly after: Set<string>
  /** Entered as the start of a referenced cell that the code simply runs on into. */
  runInto: boolean
}

export class Branches {
  /** By cell hash and bit offset. */
  readonly #places = new Map<string, Place>()

  /** Takes in a log of verbosity `full_location`. */
  add(vmLog: string): void {
    let before: Place | undefined
    let at = ''
    let runsOn = false
    for (const line of vmLog.split('\n')) {
      const located = /^code cell hash: (\w+) offset: (\d+)$/.exec(line)
      if (located) at = `${located[1]} ${located[2]}`
      // Where a cell ends and the next begins, or a continuation returns, nothing is written in the code.
      else if (line === 'execute implicit JMPREF') runsOn = true
      else if (line.startsWith('execute ') && !line.startsWith('execute implicit ')) {
        before?.after.add(at)
        before = this.#place(at, line.slice('execute '.length))
        before.runInto ||= runsOn
        runsOn = false
      } else if (/\bexception\b/.test(line)) {
        before?.after.add('exception')
        before = undefined
      }
    }
  }

  #place(at: string, instruction: string): Place {
    const known = this.#places.get(at)
    if (known) return known
    const place = { instruction, after: new Set<string>(), runInto: false }
    this.#places.set(at, place)
    return place
  }

  /** Instructions of `code` in all, and those that never ran. */
  instructions(code: Cell): { all: number; missed: string[] } {
    const log = [...this.#places]
      .map(([at, { instruction, runInto }]) => {
        const [hash = '', offset = ''] = at.split(' ')
        const step = `code cell hash: ${hash} offset: ${offset}\nexecute ${instruction}`
        // The reader of logs takes the first of two steps at offset 0 for the entry of the cell, so it has to see both.
        return { hash, offset: Number(offset), step: runInto ? `${step}\n${step}` : step }
      })
      .sort((a, b) => a.hash.localeCompare(b.hash) || a.offset - b.offset)
      .map(({ step }) => step)
    const lines = collectAsmCoverage(code, log.join('\n')).lines.filter(({ info }) => info.$ !== 'Skipped')
    return { all: lines.length, missed: lines.filter(({ info }) => info.$ !== 'Covered').map(({ line }) => line.trim()) }
  }

  /** Branches that were reached, and those that always went the same way. */
  branches(): { all: number; oneWay: string[] } {
    const reached = [...this.#places].filter(([, { instruction }]) => /^(IF|THROW\w*IF)/.test(instruction))
    const oneWay = reached.filter(([, { after }]) => after.size < 2)
    return { all: reached.length, oneWay: oneWay.map(([at, { instruction }]) => `${instruction} at ${at.slice(0, 8)}${at.slice(64)}`) }
  }
}
