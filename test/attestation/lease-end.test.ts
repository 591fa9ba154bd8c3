/** What ends a lease before its time, and what does not: collateral, invalidation, the end of its keeper. */
import { describe, expect, test } from 'vitest'
import { AttestationError, loadCollateral } from '../../src/attestation/index.ts'
import { leaseMs, never, setUp, strictPolicy, unreachable } from './support/lease-world.ts'
import { eventualOutcome } from './support/outcome.ts'
import { authority, day, evidenceOf, now } from './support/sample.ts'

describe('collateral', () => {
  test('that is not to be had leaves a worker unverified, and a live lease alive', async () => {
    const world = setUp()
    await world.keeper.ensure()
    world.collateral = () => Promise.reject(new AttestationError('collateral-unavailable', 'it answered 503'))
    await world.clock.advance(leaseMs - 1)
    expect(world.keeper.current()).toBeDefined()
    await world.clock.advance(30_000)
    expect(world.keeper.state()).toMatchObject({
      status: 'unverified',
      reasons: [expect.stringContaining('the lease ran out'), 'it answered 503'],
    })
    // Nothing was judged since, so that there is nothing to tell the worker.
    expect(world.verdicts.map(({ accepted }) => accepted)).toEqual([true])
  })

  const broken = [
    'collateral-malformed',
    'collateral-untrusted',
    'collateral-expired',
    'crl-untrusted',
    'crl-expired',
    'certificate-malformed',
  ] as const
  test.each(broken)('whose service sends what is refused as %s is no word about the worker', async code => {
    const world = setUp()
    const lease = await world.keeper.ensure()
    world.collateral = () => Promise.reject(new AttestationError(code, 'what the service sent is not right'))
    await world.clock.advance(leaseMs / 2)
    expect(world.keeper.current()).toBe(lease)
    const fresh = setUp()
    fresh.collateral = world.collateral
    await eventualOutcome(fresh.keeper.ensure())
    expect(fresh.keeper.state()).toMatchObject({ status: 'unverified', reasons: ['what the service sent is not right'] })
  })

  test('that revokes the worker’s CA ends its lease at once', async () => {
    const world = setUp()
    await world.keeper.ensure()
    const revoking = authority.with({ rootCaCrl: crl => ({ ...crl, revoked: [authority.profile.serials.pckCa] }) }).collateral(now)
    world.collateral = async () => loadCollateral(revoking, world.clock.now(), authority.rootDer)
    await world.clock.advance(leaseMs / 2)
    expect(world.keeper.current()).toBeUndefined()
    expect(world.keeper.state().status).toBe('refused')
    expect(world.verdicts.at(-1)).toMatchObject({ accepted: false, code: 'certificate-revoked' })
  })

  test('that revokes the worker’s own certificate ends its lease at once', async () => {
    const world = setUp()
    await world.keeper.ensure()
    const revoking = authority.with({ pckCrl: crl => ({ ...crl, revoked: [authority.profile.serials.pck] }) }).collateral(now)
    world.collateral = async () => loadCollateral(revoking, world.clock.now(), authority.rootDer)
    await world.clock.advance(leaseMs / 2)
    expect(world.keeper.current()).toBeUndefined()
    expect(world.keeper.state().status).toBe('refused')
    expect(world.verdicts.at(-1)).toMatchObject({ accepted: false, code: 'certificate-revoked' })
  })
})

describe('invalidation', () => {
  test('ends the lease at once, says why, and verifies anew', async () => {
    const world = setUp()
    const first = await world.keeper.ensure()
    world.keeper.invalidate('the worker showed other keys')
    expect(world.keeper.current()).toBeUndefined()
    expect(world.keeper.state()).toMatchObject({ status: 'unverified', reasons: ['the worker showed other keys'] })
    await world.clock.advance(0)
    expect(world.keeper.current()).toBeDefined()
    expect(world.keeper.current()).not.toBe(first)
    expect(world.changes.map(({ status }) => status)).toEqual(['verified', 'unverified', 'verified'])
  })

  test('after a change of policy refuses what was accepted', async () => {
    const world = setUp()
    await world.keeper.ensure()
    world.policy = strictPolicy
    world.keeper.invalidate('the policy changed')
    await world.clock.advance(0)
    expect(world.keeper.current()).toBeUndefined()
    expect(world.keeper.state().status).toBe('refused')
  })

  test('also ends what was begun before it: that is not believed any more', async () => {
    const world = setUp()
    let release = (_: string) => {}
    const stale = new Promise<string>(resolve => {
      release = resolve
    })
    world.answer = () => stale
    const begun = eventualOutcome(world.keeper.ensure())
    world.answer = never
    world.keeper.invalidate('the worker showed other keys')
    release(JSON.stringify(evidenceOf({ nonce: world.nonces[0]! })))
    expect(await begun).toBe('evidence-unavailable')
    expect(world.keeper.current()).toBeUndefined()
    expect(world.leases).toEqual([])
  })

  test('leaves one timer: what follows is renewed once for each half of a life', async () => {
    const world = setUp()
    await world.keeper.ensure()
    for (let again = 0; again < 5; again++) {
      world.keeper.invalidate('again')
      await world.clock.advance(0)
    }
    const before = world.nonces.length
    await world.clock.advance(leaseMs * 2)
    expect(world.nonces.length - before).toBe(4)
  })
})

describe('a keeper that is stopped', () => {
  test('asks no more, and its lease ends in time', async () => {
    const world = setUp()
    const lease = await world.keeper.ensure()
    world.keeper.stop()
    await world.clock.advance(leaseMs - 1)
    expect(world.keeper.current()).toBe(lease)
    await world.clock.advance(3 * leaseMs)
    expect(world.keeper.current()).toBeUndefined()
    expect(world.nonces).toHaveLength(1)
  })

  test('does not go on after a verification that was under way', async () => {
    const world = setUp()
    world.keeper.start()
    world.keeper.stop()
    await world.clock.advance(day)
    expect(world.nonces).toHaveLength(1)
  })

  test('does not go on after a failure that was under way', async () => {
    const world = setUp()
    world.answer = unreachable
    world.keeper.start()
    world.keeper.stop()
    await world.clock.advance(day)
    expect(world.nonces).toHaveLength(1)
  })

  test('can be invalidated still, and stays silent', async () => {
    const world = setUp()
    await world.keeper.ensure()
    world.keeper.stop()
    world.keeper.invalidate('the worker left')
    await world.clock.advance(day)
    expect([world.keeper.current(), world.nonces.length]).toEqual([undefined, 1])
  })
})

test('any other error than ours is told as what it is, and closes too', async () => {
  const world = setUp()
  world.collateral = () => Promise.reject(new TypeError('a slip of ours'))
  await expect(world.keeper.ensure()).rejects.toThrow('a slip of ours')
  expect(world.keeper.state()).toMatchObject({ status: 'unverified', reasons: ['a slip of ours'] })
  expect(world.keeper.current()).toBeUndefined()
})
