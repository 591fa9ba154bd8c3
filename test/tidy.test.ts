/** What a review would otherwise repeat: import direction, cycles, live links, no machine paths. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const top = resolve(import.meta.dirname, '..')
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: top, encoding: 'utf8' })
  .split('\0')
  .filter(file => file && existsSync(join(top, file)))
const sources = tracked.filter(file => file.startsWith('src/') && file.endsWith('.ts'))

/** Rooms from the top of the house to the ground; a room imports from lower rows only. */
const rows = [
  ['root'],
  ['api', 'relay', 'client', 'agent', 'engine', 'console', 'dev-chain'],
  ['scheduler', 'link', 'metering', 'settlement', 'payouts', 'policy-registry'],
  ['openai', 'envelope', 'attestation', 'tee', 'ledger', 'payment-channel'],
  ['lib'],
]
const rowOf = (room: string) => rows.findIndex(row => row.includes(room))

/** The room of a source file; everything directly under src/, and the folder of a composition root, is `root`. */
function roomOf(file: string): string {
  const [, room, rest] = file.split('/')
  return rest === undefined ||
    room === 'dev' ||
    room === 'proxy' ||
    room === 'worker' ||
    room === 'channel' ||
    room === 'verify' ||
    room === 'registry'
    ? 'root'
    : room!
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(top, file), 'utf8')
  const found: Import[] = []
  for (const [, keyword, target] of text.matchAll(/^\s*(?:import|export)\s(type\s)?[^'"`;]*?from\s+'(\.[^']+)'/gm)) {
    found.push({ from: file, to: normalize(join(dirname(file), target!)), typeOnly: keyword !== undefined })
  }
  for (const [, target] of text.matchAll(/import\(\s*'(\.[^']+)'\s*\)/g))
    found.push({ from: file, to: normalize(join(dirname(file), target!)), typeOnly: false })
  return found
}

const imports = sources.flatMap(importsOf)

function withoutComments(file: string): string {
  return readFileSync(join(top, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
}

describe('the tests', () => {
  test('have hooks of their own: those of a module that several files of a worker share would be the first file’s alone', () => {
    const shared = tracked.filter(file => /^test\/.*(?<!\.test)\.ts$/.test(file) && file !== 'test/support/answers/every-test.ts')
    const hooked = shared.filter(file => /^(before|after)(Each|All)\(/m.test(withoutComments(file)))
    expect(hooked).toEqual([])
  })
})

describe('the house', () => {
  test('every room stands in the map', () => {
    expect(sources.map(roomOf).filter(room => rowOf(room) < 0)).toEqual([])
  })

  test('imports point downwards, and never to a neighbour', () => {
    const wrong = imports.filter(({ from, to }) => roomOf(from) !== roomOf(to) && rowOf(roomOf(to)) <= rowOf(roomOf(from)))
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  test('a room is entered by its door', () => {
    const wrong = imports.filter(
      ({ from, to }) => roomOf(from) !== roomOf(to) && !['root', 'lib'].includes(roomOf(to)) && !/^src\/[^/]+\/index\.ts$/.test(to),
    )
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  test('no file imports itself round a corner', () => {
    const next = Map.groupBy(
      imports.filter(entry => !entry.typeOnly),
      entry => entry.from,
    )
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) throw new Error(`cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
      if (done.has(file)) return
      for (const entry of next.get(file) ?? []) visit(entry.to, [...path, file])
      done.add(file)
    }
    for (const file of sources) visit(file, [])
  })

  test('the core of attestation runs without Node: no built-in, no package but its crypto, nothing beside it that would bring them in', () => {
    const ports = ['src/attestation/tdx/node-crypto.ts', 'src/attestation/tdx/noble-crypto.ts']
    const reached = new Set(sources.filter(file => file.startsWith('src/attestation/tdx/') && !ports.includes(file)))
    for (const file of reached) for (const { to } of importsOf(file)) if (!ports.includes(to)) reached.add(to)
    expect([...reached].filter(file => !file.startsWith('src/attestation/tdx/')).sort()).toEqual([
      'src/attestation/errors.ts',
      'src/lib/coded-error.ts',
    ])
    const wrong = [...reached].filter(file => /from '[^.]|import\('|\b(?:Buffer|process|require)\b/.test(withoutComments(file)))
    expect(wrong).toEqual([])
    expect(Array.from(withoutComments(ports[1]!).matchAll(/from '([^.][^']*)'/g), match => match[1])).toEqual([
      '@noble/curves/nist.js',
      '@noble/hashes/sha2.js',
    ])
  })

  test('only composition roots read the environment', () => {
    const readers = sources.filter(file => roomOf(file) !== 'root' && readFileSync(join(top, file), 'utf8').includes('process.env'))
    expect(readers).toEqual([])
  })
})

describe('the documents', () => {
  const documents = tracked.filter(file => file.endsWith('.md'))

  test.each(documents)('%s has live links', file => {
    const text = readFileSync(join(top, file), 'utf8')
    const targets = Array.from(text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), match => match[1]!).filter(target => !/^[a-z]+:/.test(target))
    expect(targets.filter(target => !existsSync(join(top, dirname(file), target)))).toEqual([])
  })
})

describe('the checkout', () => {
  const texts = tracked.filter(
    file => /\.(ts|js|mjs|json|md|ya?ml|py|tolk|html|sh)$|Dockerfile|\.ci\/run|\.npmrc/.test(file) && !file.includes('package-lock'),
  )

  test('names no folder of somebody’s machine', () => {
    const pattern = new RegExp(`(^|[^A-Za-z0-9_.])/(${['work', 'root', 'farm', 'home', 'Users'].join('|')})/[a-z]`)
    expect(texts.filter(file => file !== 'test/tidy.test.ts' && pattern.test(readFileSync(join(top, file), 'utf8')))).toEqual([])
  })

  test('has a lock file without download addresses', () => {
    expect(readFileSync(join(top, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved":\s*"http/)
  })
})
