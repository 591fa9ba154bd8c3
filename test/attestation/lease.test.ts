/** The life of a lease, on a clock that stands still: verified and renewed, and never longer, staler or of other keys than it says. */
import { describe, expect, test } from 'vitest'
import { type AttestationErrorCode, type LeaseKeeperOptions, loadCollateral } from '../../src/attestation/index.ts'
import { digestOf, goodPolicy, leaseMs, never, setUp, strictPolicy, unreachable } from './support/lease-world.ts'
import { eventualOutcome } from './support/outcome.ts'
import { authority, evidenceOf, goodKeyset, now } from './support/sample.ts'

describe('the first verification', () => {
  test('gives a lease bound to the keyset, over a nonce of ours', async () => {
    const { keeper, nonces, platforms, leases } = setUp()
    expect(keeper.current()).toBeUndefined()
    expect(keeper.state()).toEqual({
      status: 'unverified',
      reasons: ['not verified yet'],
      checks: [],
      verifiedAt: undefined,
      expiresAt: undefined,
    })
    const lease = await keeper.ensure()
    expect(lease).toMatchObject({
      worker: 'worker-1',
      keyset: goodKeyset,
      keysetDigest: digestOf(goodKeyset),
      verifiedAt: now,
      expiresAt: now + leaseMs,
      simulated: true,
    })
    expect([nonces, platforms]).toEqual([[Buffer.alloc(32, 1)], ['c0de43485259 platform']])
    expect(keeper.current()).toBe(lease)
    expect(leases).toEqual([lease])
  })

  test('tells every check that passed, and that the state changed', async () => {
    const { keeper, changes } = setUp()
    await keeper.ensure()
    const state = keeper.state()
    expect(state).toMatchObject({ status: 'verified', reasons: [], verifiedAt: now, expiresAt: now + leaseMs })
    expect(state.checks.length).toBeGreaterThan(20)
    expect(state.checks.every(check => check.ok)).toBe(true)
    expect(state.checks.map(check => check.name)).toContain('keys are bound to the quote, over our nonce')
    expect(changes).toEqual([state])
  })

  test('is one for all who ask at once, and none while the lease lives', async () => {
    const { keeper, nonces, clock } = setUp()
    keeper.start()
    const leases = await Promise.all([keeper.ensure(), keeper.ensure(), keeper.ensure()])
    expect(new Set(leases).size).toBe(1)
    await clock.advance(1000)
    expect(await keeper.ensure()).toBe(leases[0])
    expect(nonces).toHaveLength(1)
  })

  test('fails alike for all who ask at once', async () => {
    const world = setUp()
    world.answer = unreachable
    const outcomes = await Promise.all([1, 2, 3].map(() => eventualOutcome(world.keeper.ensure())))
    expect(outcomes).toEqual(Array(3).fill('evidence-unavailable'))
    expect(world.nonces).toHaveLength(1)
  })

  test.each<[string, number, () => Partial<LeaseKeeperOptions> & { keyset?: typeof goodKeyset; until?: number }]>([
    ['its keyset', 5000, () => ({ keyset: { ...goodKeyset, not_after: now + 5000 } })],
    ['its collateral', 7000, () => ({ until: now + 7000 })],
    ['its own time', leaseMs, () => ({})],
  ])('gives a lease no longer than %s', async (_, life, change) => {
    const world = setUp()
    const { keyset, until } = change()
    if (keyset) world.answer = async nonce => JSON.stringify(evidenceOf({ nonce, keyset }))
    if (until) {
      const short = authority.with({ pckCrl: crl => ({ ...crl, nextUpdate: until }) }).collateral(now)
      world.collateral = async () => loadCollateral(short, now, authority.rootDer)
    }
    expect((await world.keeper.ensure()).expiresAt).toBe(now + life)
  })
})

describe('what is refused', () => {
  const json = JSON.stringify
  const body = { mrTd: Buffer.alloc(48, 1) }
  test.each<[string, AttestationErrorCode, string, (nonce: Buffer) => Promise<string>]>([
    ['an answer over another nonce', 'report-data-mismatch', 'keys are bound to the quote, over our nonce', async () => json(evidenceOf())],
    [
      'another worker',
      'worker-mismatch',
      'keys are those of the worker that was asked',
      async nonce => json(evidenceOf({ nonce, keyset: { ...goodKeyset, worker: 'other' } })),
    ],
    [
      'keys past their time',
      'keyset-expired',
      'keys are within their time',
      async nonce => json(evidenceOf({ nonce, keyset: { ...goodKeyset, not_after: now } })),
    ],
    ['other measurements', 'policy-refused', 'MRTD', async nonce => json(evidenceOf({ nonce, body }))],
    ['a document of no form', 'evidence-malformed', 'evidence-malformed', async () => '<html>'],
  ])('%s ends a live lease at once: %s, and the check that failed is named', async (_, code, check, answer) => {
    const world = setUp()
    await world.keeper.ensure()
    world.answer = answer
    await world.clock.advance(leaseMs / 2)
    expect(world.keeper.current()).toBeUndefined()
    const { status, checks } = world.keeper.state()
    expect(status).toBe('refused')
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([expect.stringContaining(check)])
    expect(world.changes.map(({ status }) => status)).toEqual(['verified', 'refused'])
    expect(world.verdicts).toEqual([
      { nonce: world.nonces[0], accepted: true, until: now + leaseMs },
      expect.objectContaining({ nonce: world.nonces[1], accepted: false, code }),
    ])
  })

  test('by the policy is told with every reason', async () => {
    const world = setUp()
    world.policy = strictPolicy
    expect(await eventualOutcome(world.keeper.ensure())).toBe('policy-refused')
    const ppid = Buffer.from(authority.profile.sgx.ppid).toString('hex')
    expect(world.keeper.state()).toMatchObject({ status: 'refused', reasons: ['the FMSPC is c0de43485259', `the PPID is ${ppid}`] })
  })

  test('is asked again, and verified once it is right', async () => {
    const world = setUp()
    world.policy = strictPolicy
    await eventualOutcome(world.keeper.ensure())
    world.policy = goodPolicy
    await world.clock.advance(250)
    expect(world.keeper.state().status).toBe('verified')
    expect(world.keeper.current()?.verifiedAt).toBe(now + 250)
  })
})

describe('renewal', () => {
  test.each([
    [0, 0.45],
    [0.5, 0.5],
    [1, 0.55],
  ])('with a draw of %f comes at %f of the life, over a new nonce', async (draw, share) => {
    const world = setUp({ draw: () => draw })
    const first = await world.keeper.ensure()
    await world.clock.advance(leaseMs * share - 1)
    expect(world.nonces).toHaveLength(1)
    await world.clock.advance(1)
    expect(world.nonces).toEqual([Buffer.alloc(32, 1), Buffer.alloc(32, 2)])
    expect(world.keeper.current()).not.toBe(first)
    expect(world.keeper.current()!.expiresAt).toBe(now + leaseMs * share + leaseMs)
  })

  test('goes on for as long as nobody stops it, without a gap and without a change of state', async () => {
    const world = setUp()
    await world.keeper.ensure()
    for (let minute = 0; minute < 120; minute++) {
      await world.clock.advance(60_000)
      expect(world.keeper.current(), `minute ${minute}`).toBeDefined()
    }
    expect(world.nonces).toHaveLength(1 + 120 / 5)
    expect(world.changes).toHaveLength(1)
  })

  test('that fails leaves the lease to its end, and no longer', async () => {
    const world = setUp()
    const lease = await world.keeper.ensure()
    world.answer = unreachable
    await world.clock.advance(leaseMs - 1)
    expect(world.keeper.current()).toBe(lease)
    expect(world.keeper.state().status).toBe('verified')
    await world.clock.advance(1)
    expect(world.keeper.current()).toBeUndefined()
    expect(world.keeper.state().status).toBe('unverified')
    expect(await eventualOutcome(world.keeper.ensure())).toBe('evidence-unavailable')
    await world.clock.advance(20_000)
    expect(world.changes.at(-1)!.status).toBe('unverified')
    expect(world.keeper.state().reasons.join()).toContain('connect ECONNREFUSED')
  })

  test('that hangs leaves the lease to its end, and no longer', async () => {
    const world = setUp()
    await world.keeper.ensure()
    world.answer = never
    await world.clock.advance(leaseMs - 1)
    expect(world.keeper.current()).toBeDefined()
    await world.clock.advance(1)
    expect(world.keeper.current()).toBeUndefined()
    expect(world.keeper.state()).toMatchObject({ status: 'unverified', reasons: ['the lease ran out'] })
  })

  test('is tried again after growing pauses, and at once gives a full lease', async () => {
    const world = setUp()
    world.answer = unreachable
    await eventualOutcome(world.keeper.ensure())
    await world.clock.advance(60_000)
    expect(world.askedAt.slice(0, 9)).toEqual([0, 250, 750, 1750, 3750, 7750, 15_750, 30_750, 45_750])
    world.answer = async nonce => JSON.stringify(evidenceOf({ nonce }))
    await world.clock.advance(15_000)
    const lease = world.keeper.current()!
    expect(lease.expiresAt - lease.verifiedAt).toBe(leaseMs)
  })

  test('takes over new keys, and the old ones are gone with it', async () => {
    const world = setUp()
    await world.keeper.ensure()
    const rotated = { ...goodKeyset, hpke: goodKeyset.hpke.slice(0, 1) }
    world.answer = async nonce => JSON.stringify(evidenceOf({ nonce, keyset: rotated }))
    await world.clock.advance(leaseMs / 2)
    expect(world.keeper.current()?.keysetDigest).toBe(digestOf(rotated))
    expect(world.leases.map(lease => lease.keysetDigest)).toEqual([digestOf(goodKeyset), digestOf(rotated)])
  })
})
