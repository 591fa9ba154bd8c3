import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { commandCollector, fileCollector, type GpuCollector, TeeError } from '../../src/tee/index.ts'
import { NvidiaAuthority, nonce } from '../attestation/gpu/support/authority.ts'
import { eventually } from '../support/eventually.ts'
import { ManualClock } from '../support/manual-clock.ts'

const tool = join(import.meta.dirname, '../support/gpu-tool.ts')
const clock = new ManualClock(0)
const running = (what: string, with_ = clock) =>
  commandCollector({ command: [process.execPath, tool, what, '{nonce}'], timeoutMs: 1_000, clock: with_ })

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'gpu-collector-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

async function codeOf(collector: GpuCollector): Promise<string> {
  try {
    await collector.collect(nonce)
    return 'collected'
  } catch (error) {
    if (error instanceof TeeError) return error.code
    throw error
  }
}

describe('a collecting tool', () => {
  test('is run with the nonce, and what it prints is taken', async () => {
    const file = join(folder(), 'devices.json')
    writeFileSync(file, JSON.stringify([new NvidiaAuthority().toolDevice(0), new NvidiaAuthority().toolDevice(1, 'LS_10')]))
    const { items, nras } = await commandCollector({
      command: [process.execPath, tool, file, '{nonce}'],
      timeoutMs: 60_000,
      clock: systemClock,
    }).collect(nonce)
    expect(items.map(({ arch }) => arch)).toEqual(['HOPPER', 'LS10'])
    expect(Buffer.from(items[0]!.evidence, 'base64').subarray(4, 36)).toEqual(nonce)
    expect(nras).toBeNull()
  })

  test('is given its words as they stand, by no shell', async () => {
    const printed = { evidences: [{ arch: '$(exit 1);', evidence: '"`', certificate: '>x' }], nras: ['a'] }
    const script = `process.stdout.write(JSON.stringify(${JSON.stringify(printed)}))`
    const collected = await commandCollector({
      command: [process.execPath, '-e', script, '; exit 1', '{nonce}'],
      timeoutMs: 1,
      clock,
    }).collect(nonce)
    expect(collected).toEqual({ items: printed.evidences, nras: ['a'] })
  })

  test.each([
    ['fails', 'fail', 'gpu-evidence-unavailable'],
    ['writes beyond any size', 'flood', 'gpu-evidence-unavailable'],
    ['writes no JSON', 'garbage', 'gpu-evidence-malformed'],
    ['writes no list', 'say', 'gpu-evidence-malformed'],
  ])('that %s is told by its code', async (_, what, code) => {
    expect(await codeOf(running(what))).toBe(code)
  })

  test('that is not there is told by its code', async () => {
    expect(await codeOf(commandCollector({ command: ['/no/such/tool', '{nonce}'], timeoutMs: 1_000, clock }))).toBe(
      'gpu-evidence-unavailable',
    )
  })

  test('that does not end is ended', async () => {
    const own = new ManualClock(0)
    const code = codeOf(running('hang', own))
    await own.advance(1_000)
    expect(await code).toBe('gpu-evidence-unavailable')
  })

  test('ends with everything that it started', async () => {
    const own = new ManualClock(0)
    const file = join(folder(), 'pid')
    const script = `const c = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' })
      require('node:fs').writeFileSync(${JSON.stringify(file)}, String(c.pid)); setInterval(() => {}, 1e6)`
    const code = codeOf(commandCollector({ command: [process.execPath, '-e', script, '{nonce}'], timeoutMs: 1_000, clock: own }))
    const pid = await eventually(async () => {
      return existsSync(file) ? Number(readFileSync(file, 'utf8')) || undefined : undefined
    })
    await own.advance(1_000)
    expect(await code).toBe('gpu-evidence-unavailable')
    await eventually(async () => {
      try {
        process.kill(pid, 0)
        return undefined
      } catch {
        return true
      }
    })
  })
})

describe('a file of evidence', () => {
  const holding = (text: string) => {
    const file = join(folder(), 'evidence.json')
    writeFileSync(file, text)
    return fileCollector(file)
  }

  test('is what NVIDIA’s tools write', async () => {
    const item = { arch: 'HOPPER', evidence: 'AAAA', certificate: 'BBBB' }
    expect(await holding(JSON.stringify([{ ...item, nonce: '00' }])).collect(nonce)).toEqual({ items: [item], nras: null })
  })

  test.each([
    ['no JSON', '['],
    ['no list', '{}'],
    ['nothing', 'null'],
    ['a list of something else', '[1]'],
    ['an item without a chain', '[{"arch":"HOPPER","evidence":"AAAA"}]'],
  ])('with %s is malformed', async (_, text) => {
    expect(await codeOf(holding(text))).toBe('gpu-evidence-malformed')
  })

  test('that is not there is told by its code', async () => {
    expect(await codeOf(fileCollector('/no/such/file'))).toBe('gpu-evidence-unavailable')
  })
})
