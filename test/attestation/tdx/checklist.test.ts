/** The list of what is checked, in the documents, against the tests that there are: it cannot name one that is gone. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const top = resolve(import.meta.dirname, '../../..')
const room = join(top, 'test/attestation')
const rows = readFileSync(join(top, 'docs/attestation-checklist.md'), 'utf8')
  .split(/^## (?=\d)/m)
  .slice(1)
  .map(text => {
    const [, number, title] = /^(\d+)\. (.+)\n/.exec(text)!
    const [accepts, refuses] = text.split('- **refuses**').map(part => Array.from(part.matchAll(/^ {2}- `(.+)`$/gm), match => match[1]!))
    return { number: Number(number), title: title!, accepts: accepts!, refuses: refuses! }
  })
const sources = new Map(
  readdirSync(room, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.test.ts'))
    .map(file => [file.replace(/^tdx\//, '').replace('.test.ts', ''), readFileSync(join(room, file), 'utf8')]),
)

describe('the checklist', () => {
  test('has thirty-seven rows, in their order', () => {
    expect(rows.map(row => row.number)).toEqual(Array.from({ length: 37 }, (_, index) => index + 1))
  })

  test.each(rows)('row $number names tests that are there: $title', ({ accepts, refuses }) => {
    expect(accepts.length).toBeGreaterThan(0)
    expect(refuses.length).toBeGreaterThan(0)
    const missing = [...accepts, ...refuses].filter(named => {
      const [, file, title] = /^([a-z0-9/-]+): (.+)$/.exec(named)!
      return !sources.get(file!)?.includes(`'${title}'`)
    })
    expect(missing).toEqual([])
  })

  test('names no test in a file where one is left out or run alone', () => {
    const files = new Set(rows.flatMap(row => [...row.accepts, ...row.refuses]).map(named => named.slice(0, named.indexOf(':'))))
    const partial = [...files].filter(file =>
      /\b(?:test|describe)(?:\.each\([^)]*\))?\.(?:skip|only|todo|fails)\b/.test(sources.get(file)!),
    )
    expect(partial).toEqual([])
  })
})
