/** A keeper of leases in a small world: a worker, its collateral, a policy and a clock, each as a test wants it. */
import { onTestFinished } from 'vitest'
import {
  type Collateral,
  developmentPolicy,
  encodeKeyset,
  type Lease,
  LeaseKeeper,
  type LeaseKeeperOptions,
  type LeaseState,
  loadCollateral,
  parsePolicy,
  type Verdict,
} from '../../../src/attestation/index.ts'
import { sha256, toHex } from '../../../src/lib/bytes.ts'
import { developmentMeasurements } from '../../../src/tee/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { authority, evidenceOf, type goodKeyset, now } from './sample.ts'

export const leaseMs = 600_000
export const goodPolicy = developmentPolicy(developmentMeasurements)
export const strictPolicy = parsePolicy({ ...goodPolicy, fmspcs: ['00806f050000'], ppids: ['00'.repeat(16)] })
export const digestOf = (keyset: typeof goodKeyset) => toHex(sha256(encodeKeyset(keyset)))

/** A keeper whose worker, collateral and policy a test can change at any time. */
export function setUp(options: Partial<LeaseKeeperOptions> = {}) {
  const clock = new ManualClock(now)
  const world = {
    clock,
    answer: async (nonce: Buffer): Promise<string> => JSON.stringify(evidenceOf({ nonce })),
    collateral: async (): Promise<Collateral> => loadCollateral(authority.collateral(now), clock.now(), authority.rootDer),
    policy: goodPolicy,
    nonces: [] as Buffer[],
    askedAt: [] as number[],
    platforms: [] as string[],
    changes: [] as LeaseState[],
    leases: [] as Lease[],
    verdicts: [] as Verdict[],
  }
  let drawn = 0
  const keeper = new LeaseKeeper({
    worker: 'worker-1',
    fetchEvidence: nonce => {
      world.nonces.push(nonce)
      world.askedAt.push(clock.now() - now)
      return world.answer(nonce)
    },
    collateral: {
      get: (fmspc, ca) => {
        world.platforms.push(`${fmspc} ${ca}`)
        return world.collateral()
      },
    },
    policy: () => world.policy,
    clock,
    random: size => Buffer.alloc(size, ++drawn),
    leaseMs,
    simulated: true,
    draw: () => 0.5,
    onChange: state => world.changes.push(state),
    onLease: lease => world.leases.push(lease),
    onVerdict: verdict => world.verdicts.push(verdict),
    ...options,
  })
  onTestFinished(() => keeper.stop())
  return Object.assign(world, { keeper })
}

export const unreachable = () => Promise.reject(new Error('connect ECONNREFUSED'))
export const never = () => new Promise<never>(() => {})
