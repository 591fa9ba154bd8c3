/** Collateral that is kept on disk: it spares a restart the network, and a file proves nothing by being ours. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CollateralClient, type CollateralClientOptions } from '../../src/attestation/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { eventualOutcome } from './support/outcome.ts'
import { authority, day, now, stranger } from './support/sample.ts'

const fmspc = 'c0de43485259'

function setUp() {
  const directory = mkdtempSync(join(tmpdir(), 'collateral-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new ManualClock(now)
  const service = authority.pccs(clock)
  let asked = 0
  const online: typeof fetch = async url => {
    asked += 1
    return service(new Request(String(url)))
  }
  const offline: typeof fetch = async () => {
    throw new TypeError('fetch failed')
  }
  const open = (options: Partial<CollateralClientOptions> = {}) =>
    new CollateralClient({
      baseUrl: 'http://pccs.test',
      fetch: online,
      root: authority.rootDer,
      clock,
      directory,
      draw: () => 0.5,
      ...options,
    })
  const file = join(directory, `${fmspc}-platform.json`)
  return { directory, clock, open, offline, file, asked: () => asked }
}

describe('collateral on disk', () => {
  test('serves a restart without the network, to its end', async () => {
    const { directory, clock, open, offline, asked } = setUp()
    const { validUntil } = await open().get(fmspc, 'platform')
    expect(readdirSync(directory)).toEqual([`${fmspc}-platform.json`])
    const again = open({ fetch: offline })
    expect((await again.get(fmspc, 'platform')).validUntil).toBe(validUntil)
    await clock.advance(30 * day - 1)
    expect(await eventualOutcome(open({ fetch: offline }).get(fmspc, 'platform'))).toBe('accepted')
    await clock.advance(1)
    expect(await eventualOutcome(open({ fetch: offline }).get(fmspc, 'platform'))).toBe('collateral-unavailable')
    expect(await eventualOutcome(again.get(fmspc, 'platform'))).toBe('collateral-unavailable')
    expect(asked()).toBe(4)
  })

  test('is of one platform only', async () => {
    const { open, offline } = setUp()
    await open().get(fmspc, 'platform')
    const again = open({ fetch: offline })
    expect(await eventualOutcome(again.get('90c06f000000', 'platform'))).toBe('collateral-unavailable')
    expect(await eventualOutcome(again.get(fmspc, 'processor'))).toBe('collateral-unavailable')
  })

  test('is verified again: under another root it is not believed', async () => {
    const { open, offline } = setUp()
    await open().get(fmspc, 'platform')
    expect(await eventualOutcome(open({ fetch: offline, root: stranger.rootDer }).get(fmspc, 'platform'))).toBe('collateral-unavailable')
  })

  test.each<[string, (text: string) => string]>([
    ['changed', text => text.replace('OutOfDate', 'UpToDate')],
    ['cut off', text => text.slice(0, -20)],
    ['empty', () => ''],
    ['of another form', () => '{"tcbInfo":1}'],
    ['null', () => 'null'],
    ['a list of lists without end', () => '['.repeat(200_000)],
    ['larger than collateral can be', text => text + ' '.repeat(4 * 1024 * 1024)],
    ['of another version', text => text.replace('"version":1', '"version":2')],
    ['with a member more', text => text.replace('{', '{"also":1,')],
    ['verified at no time', text => text.replace(/"verifiedAt":\d+/, '"verifiedAt":null')],
    ['verified before its window', text => text.replace(/"verifiedAt":\d+/, `"verifiedAt":${now - 1}`)],
    ['verified after its window', text => text.replace(/"verifiedAt":\d+/, `"verifiedAt":${now + 31 * day}`)],
    ['with a list in another alphabet', text => text.replace(/"pckCrl":"../, '"pckCrl":"-_')],
    ['without a list', text => JSON.stringify({ ...JSON.parse(text), pckCrl: '' })],
  ])('that is %s is fetched anew, and written anew', async (_, change) => {
    const { file, open, offline, asked } = setUp()
    await open().get(fmspc, 'platform')
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, change(good))
    expect(await eventualOutcome(open({ fetch: offline }).get(fmspc, 'platform'))).toBe('collateral-unavailable')
    expect(await eventualOutcome(open().get(fmspc, 'platform'))).toBe('accepted')
    expect(asked()).toBe(8)
    expect(readFileSync(file, 'utf8')).toBe(good)
  })

  test('is for its owner alone, whatever was there before', async () => {
    const { file, open } = setUp()
    for (const other of [file, `${file}.new`]) writeFileSync(other, 'somebody else’s', { mode: 0o666 })
    await open().get(fmspc, 'platform')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(existsSync(`${file}.new`)).toBe(false)
  })

  test.each<[string, (file: string, elsewhere: string) => void]>([
    ['a link to another file', (file, elsewhere) => symlinkSync(elsewhere, file)],
    ['a folder', file => mkdirSync(file)],
    ['a pipe that nobody writes to', file => execFileSync('mkfifo', [file])],
  ])('in whose place is %s is not read', async (_, put) => {
    const { directory, file, open, offline } = setUp()
    await open().get(fmspc, 'platform')
    const elsewhere = join(directory, 'elsewhere')
    renameSync(file, elsewhere)
    put(file, elsewhere)
    const before = readFileSync(elsewhere, 'utf8')
    expect(await eventualOutcome(open({ fetch: offline }).get(fmspc, 'platform'))).toBe('collateral-unavailable')
    expect(await eventualOutcome(open().get(fmspc, 'platform'))).toBe('accepted')
    expect(readFileSync(elsewhere, 'utf8')).toBe(before)
  })

  test('a restart does not put off the refresh: it is at half the window from when it was fetched', async () => {
    const { clock, open, asked } = setUp()
    await open().get(fmspc, 'platform')
    await clock.advance(15 * day - 1)
    const again = open()
    await again.get(fmspc, 'platform')
    expect(asked()).toBe(4)
    await clock.advance(1)
    await again.get(fmspc, 'platform')
    expect(asked()).toBe(8)
  })

  test('early evaluations are kept apart from standard ones', async () => {
    const { directory, open, offline } = setUp()
    await open({ update: 'early' }).get(fmspc, 'platform')
    expect(readdirSync(directory)).toEqual([`${fmspc}-platform-early.json`])
    expect(await eventualOutcome(open({ fetch: offline }).get(fmspc, 'platform'))).toBe('collateral-unavailable')
  })

  test('that cannot be written is used all the same', async () => {
    const { directory, open } = setUp()
    const client = open({ directory: join(directory, 'nowhere') })
    expect((await client.get(fmspc, 'platform')).tcbInfo.fmspc).toBe(fmspc)
  })

  test('what was refused is not kept', async () => {
    const { directory, open } = setUp()
    expect(await eventualOutcome(open({ root: stranger.rootDer }).get(fmspc, 'platform'))).toBe('chain-untrusted')
    expect(readdirSync(directory)).toEqual([])
  })
})
