/** What a collateral service says later: worse counts at once, older never, nothing is asked for after growing pauses. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CollateralClient, type CollateralClientOptions } from '../../src/attestation/index.ts'
import type { AuthorityEdits } from '../../src/tee/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { eventualOutcome } from './support/outcome.ts'
import { authority, day, now } from './support/sample.ts'

const fmspc = 'c0de43485259'

/** A service in this process, which a test can edit, and a client of it that keeps what it has in a folder. */
function setUp(options: Partial<CollateralClientOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'collateral-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const clock = new ManualClock(now)
  const world = { clock, directory, edits: {} as AuthorityEdits, down: false, asked: [] as number[], changes: 0 }
  const service: typeof fetch = async url => {
    if (String(url).includes('/tcb?')) world.asked.push(clock.now() - now)
    if (world.down) throw new TypeError('fetch failed')
    return authority.with(world.edits).pccs(clock)(new Request(String(url)))
  }
  const open = () =>
    new CollateralClient({
      baseUrl: 'http://pccs.test',
      fetch: service,
      root: authority.rootDer,
      clock,
      directory,
      draw: () => 0.5,
      onChange: () => {
        world.changes += 1
      },
      ...options,
    })
  let client = open()
  const get = () => client.get(fmspc, 'platform')
  return Object.assign(world, {
    get,
    restart: () => {
      client = open()
    },
    /** Asks, and lets what that sets off in the background come to its end. */
    async refresh() {
      await eventualOutcome(get())
      for (let turn = 0; turn < 20; turn++) await clock.advance(0)
    },
  })
}

const minute = 60_000
const hour = 60 * minute
const older = { tcbEvaluationDataNumber: 19 }
const newer = { tcbEvaluationDataNumber: 21 }

describe('what is newer', () => {
  test('takes the place of what was held, once, and says so', async () => {
    const world = setUp()
    const first = await world.get()
    expect(world.changes).toBe(1)
    world.edits = { tcbInfo: info => ({ ...info, body: { ...info.body, ...newer } }) }
    await world.clock.advance(15 * day)
    await world.refresh()
    expect((await world.get()).tcbInfo.evaluationNumber).toBe(21)
    expect(await world.get()).not.toBe(first)
    expect(world.changes).toBe(2)
  })
})

describe('what is older', () => {
  test.each<[string, AuthorityEdits]>([
    ['TCB info', { tcbInfo: info => ({ ...info, body: { ...info.body, ...older } }) }],
    ['a QE identity', { qeIdentity: info => ({ ...info, body: { ...info.body, ...older } }) }],
    ['a PCK revocation list', { pckCrl: list => ({ ...list, thisUpdate: now - day }) }],
    ['a root revocation list', { rootCaCrl: list => ({ ...list, thisUpdate: now - day }) }],
  ])('is not taken: %s', async (what, edits) => {
    const world = setUp()
    const first = await world.get()
    world.edits = edits
    await world.clock.advance(15 * day)
    await world.refresh()
    expect(await world.get()).toBe(first)
    expect(world.changes).toBe(1)
    await world.clock.advance(15 * day)
    await expect(world.get()).rejects.toMatchObject({ code: 'collateral-older', message: expect.stringContaining(what) })
  })

  test('is not taken after a restart either, nor when what was kept is past its end', async () => {
    const world = setUp()
    await world.get()
    world.edits = { tcbInfo: info => ({ ...info, body: { ...info.body, ...older } }) }
    await world.clock.advance(40 * day)
    world.restart()
    expect(await eventualOutcome(world.get())).toBe('collateral-older')
    world.edits = {}
    expect(await eventualOutcome(world.get())).toBe('accepted')
  })

  test('is what standard evaluations are to early ones, which are therefore held apart', async () => {
    const early = setUp({ update: 'early' })
    await early.get()
    expect(readdirSync(early.directory)).toEqual([`${fmspc}-platform-early.json`])
  })
})

describe('a CA that the root revokes', () => {
  const revoked: AuthorityEdits = { rootCaCrl: list => ({ ...list, revoked: [authority.profile.serials.pckCa] }) }

  test('ends what was held at once, although it had time left, and says so', async () => {
    const world = setUp()
    await world.get()
    world.edits = revoked
    await world.clock.advance(15 * day)
    await world.refresh()
    expect(world.changes).toBe(2)
    expect(await eventualOutcome(world.get())).toBe('certificate-revoked')
  })

  test('stays so after a restart without the service', async () => {
    const world = setUp()
    await world.get()
    world.edits = revoked
    await world.clock.advance(15 * day)
    await world.refresh()
    expect(readdirSync(world.directory)).toEqual([])
    world.down = true
    world.restart()
    expect(await eventualOutcome(world.get())).toBe('collateral-unavailable')
  })
})

describe('a service that is down', () => {
  test('is asked after pauses that grow to an hour, while the last good one serves', async () => {
    const world = setUp()
    const first = await world.get()
    world.down = true
    await world.clock.advance(20 * day)
    for (let step = 0; step < 5 * 60 + 8; step++) {
      await world.refresh()
      await world.clock.advance(minute)
    }
    expect(await world.get()).toBe(first)
    const minutes = world.asked.slice(1).map(at => (at - 20 * day) / minute)
    expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303])
  })

  test('is asked at once after the first failure where nothing is held, then after growing pauses of a minute at most', async () => {
    const world = setUp()
    world.down = true
    for (let second = 0; second < 300; second++) {
      expect(await eventualOutcome(world.get())).toBe('collateral-unavailable')
      await world.clock.advance(1000)
    }
    expect(world.asked.map(at => at / 1000)).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 124, 184, 244])
    world.down = false
    await world.clock.advance(minute)
    expect(await eventualOutcome(world.get())).toBe('accepted')
  })

  test('is not left alone for longer because the clock was set back', async () => {
    let at = now + 10 * hour
    const world = setUp({ clock: { now: () => at, after: () => ({ cancel: () => {} }) } })
    world.down = true
    for (let again = 0; again < 3; again++) await eventualOutcome(world.get())
    const before = world.asked.length
    at = now
    world.down = false
    expect(await eventualOutcome(world.get())).toBe('accepted')
    expect(world.asked.length).toBe(before + 1)
  })
})
