/** The tables of docs/clients.md: none without tests behind it, and no cell that says more than has passed. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Aspect, documentText, type Endpoint, endpointNames, has, Results, sectionIn, squeezed } from './support/matrix.ts'

/** A client that has everything, and all of it has passed with the scripted engine; but for one cell. */
function results(butFor?: { endpoint: Endpoint; aspect: Aspect }): Results {
  const all = new Results()
  for (const endpoint of endpointNames)
    for (const aspect of has[endpoint])
      if (endpoint !== butFor?.endpoint || aspect !== butFor.aspect) all.passed(endpoint, aspect, 'scripted')
  return all
}

const row = (section: string, path: string) => section.split('\n').find(line => line.startsWith(`| \`${path}\` |`))!

test('every table of the document is the table of a test file, and every other table only explains', () => {
  const text = documentText()
  const sections = [...text.matchAll(/^<!-- ([a-z0-9-]+) -->$/gm)].map(([, id]) => id!)
  const files = readdirSync(new URL('.', import.meta.url)).flatMap(name => /^(.+)\.test\.ts$/.exec(name)?.[1] ?? [])
  expect(sections.toSorted()).toEqual(files.filter(name => name !== 'table').toSorted())
  const outside = sections.reduce((rest, id) => rest.replace(new RegExp(`<!-- ${id} -->[^]*<!-- /${id} -->`), ''), text)
  expect(outside).not.toContain('| `/v1/')
})

test('a cell that no test has passed says so', () => {
  expect(results().section()).not.toContain('FAILS')
  for (const endpoint of endpointNames)
    for (const aspect of has[endpoint]) expect(results({ endpoint, aspect }).section().match(/FAILS/g)).toHaveLength(1)
})

test('a cell says which engines it has passed with, and what it did not show', () => {
  const some = results({ endpoint: 'embeddings', aspect: 'whole' })
  some.passed('embeddings', 'whole', 'builtin')
  some.passed('embeddings', 'errors', 'builtin')
  some.remark('embeddings', 'usage', 'charge only')
  expect(row(some.section(), '/v1/embeddings')).toBe(
    '| `/v1/embeddings` | builtin |  |  |  | scripted, charge only | scripted | both | scripted |',
  )
})

test('what a client does not have is no pass, and has its reason', () => {
  const some = results()
  some.without('rerank', undefined, 'no such call')
  some.without('images', 'abort', 'no signal')
  const section = some.section()
  expect(row(section, '/v1/rerank')).toBe('| `/v1/rerank` | – |  |  |  | – | – | – | – |')
  expect(row(section, '/v1/images/generations')).toBe(
    '| `/v1/images/generations` | scripted |  |  |  | scripted | – | scripted | scripted |',
  )
  expect(section).toContain('- rerank: no such call\n- images abort: no signal')
})

test('a section that says more than has passed is another section, however it is aligned', () => {
  const section = results().section()
  const document = (table: string) => `# Clients\n\n<!-- some -->\n\n${table}\n\n<!-- /some -->\n`
  expect(sectionIn(document(section.replaceAll('scripted', 'scripted  ')), 'some')).toBe(squeezed(section))
  expect(sectionIn(document(section.replace('scripted', 'both')), 'some')).not.toBe(squeezed(section))
  expect(() => sectionIn(document(section), 'other')).toThrow('docs/clients.md has no part <!-- other -->')
})
