/** Where the reader of event logs must run, and how long it may take. */
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { describe, expect, test } from 'vitest'
import { readEventLog, replayEventLog } from '../../../src/attestation/index.ts'
import { type Entry, firmwareEvent, goodLog, runtimeEvent } from '../support/event-log.ts'
import { outcome } from '../support/outcome.ts'
import { ports } from '../support/sample.ts'

const room = join(resolve(import.meta.dirname, '../../..'), 'src/attestation/event-log')

test('the reader of event logs is code that asks for nothing of Node', async () => {
  const bundle = await rolldown({ input: [join(room, 'event.ts'), join(room, 'replay.ts')], platform: 'browser', logLevel: 'silent' })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  const code = output.map(chunk => ('code' in chunk ? chunk.code : '')).join('\n')
  expect(code).toContain('system-ready')
  expect(code).not.toMatch(/\bnode:|\brequire\(|from"[^.]/)
  expect(code).not.toMatch(/(?<![A-Za-z])Buffer\b|\bprocess\./)
})

/** Milliseconds of the fastest of some runs: the machine has others to serve. */
function fastest(work: () => void, runs = 12): number {
  return Math.min(
    ...Array.from({ length: runs }, () => {
      const start = performance.now()
      work()
      return performance.now() - start
    }),
  )
}

describe('a hostile log', () => {
  const full = (entry: Entry, last: Entry) => JSON.stringify([...Array.from({ length: 1023 }, () => ({ ...entry, digest: '' })), last])
  const short = runtimeEvent('x')
  const repeatTo = (text: string, size: number) => text.repeat(Math.ceil(size / text.length)).slice(0, size)

  test.each<[string, string, string]>([
    ['of 1024 events without an end', full(short, short), 'event-log-order'],
    ['of 1024 events whose last is changed', full(short, { ...runtimeEvent('system-ready'), digest: '00'.repeat(48) }), 'event-log-digest'],
    ['of 1024 events whose last has no digest', full(short, { ...firmwareEvent(0, 'x'), digest: '' }), 'event-log-malformed'],
    ['of brackets', '['.repeat(512 * 1024), 'event-log-malformed'],
    ['of 16 KB of brackets', '['.repeat(16 * 1024), 'event-log-malformed'],
    ['of 16 KB of lists', `${'['.repeat(8192)}${']'.repeat(8192)}`, 'event-log-malformed'],
    ['of 16 KB of events', `${repeatTo(`[${JSON.stringify(goodLog()[4])},`, 16 * 1024)}`, 'event-log-malformed'],
    ['of 16 KB of backslashes', `["${'\\'.repeat(16 * 1024)}"]`, 'event-log-malformed'],
    ['of 16 KB of members', `[{${repeatTo('"imr":3,', 16 * 1024)}"event":""}]`, 'event-log-malformed'],
  ])('%s is refused within 10 ms', (_, text, code) => {
    const judge = () => replayEventLog(readEventLog(text), ports.node)
    expect(outcome(judge)).toBe(code)
    expect(fastest(() => outcome(judge))).toBeLessThan(10)
  })
})
