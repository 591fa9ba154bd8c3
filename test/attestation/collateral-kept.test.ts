/** Collateral that is kept on disk: it spares a restart the network, and a file proves nothing by being ours. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
