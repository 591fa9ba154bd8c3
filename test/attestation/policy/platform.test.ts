/** Which machines, software and models are accepted, and how fresh evidence must be (checklist rows 36 and 37). */
import { describe, expect, test } from 'vitest'
import type { Facts, Policy } from '../../../src/attestation/index.ts'
import type { AuthorityEdits } from '../../../src/tee/index.ts'
import { reasons } from '../support/appraisal.ts'
import { authority, goodKeyset, judge } from '../support/sample.ts'

const certified = (sgx: NonNullable<AuthorityEdits['sgx']>): Facts => judge({ by: authority.with({ sgx }) })

describe('platform and machine (row 37)', () => {
  const ppid = Buffer.from(authority.profile.sgx.ppid).toString('hex')

  test.each<[string, Partial<Policy>, readonly string[]]>([
    ['the platform, listed', { fmspcs: ['00806f050000', 'c0de43485259'] }, []],
    ['another platform', { fmspcs: ['00806f050000'] }, ['the FMSPC is c0de43485259']],
    ['any platform', { fmspcs: 'any' }, []],
    ['the machine, listed', { ppids: ['00'.repeat(16), ppid] }, []],
    ['another machine', { ppids: ['00'.repeat(16)] }, [`the PPID is ${ppid}`]],
    ['any machine', { ppids: 'any' }, []],
  ])('%s', (_, policy, expected) => {
    expect(reasons({ policy })).toEqual(expected)
  })
})

describe('how the platform was set up (row 37)', () => {
  test.each([
    [0, 'standard'],
    [1, 'scalable'],
    [2, 'scalable-with-integrity'],
  ] as const)('SGX type %i is %s: accepted where it is listed, or any is', (sgxType, name) => {
    const facts = certified(sgx => ({ ...sgx, sgxType }))
    const others = (['standard', 'scalable', 'scalable-with-integrity'] as const).filter(other => other !== name)
    expect(reasons({ facts, policy: { sgx_types: [name] } })).toEqual([])
    expect(reasons({ facts, policy: { sgx_types: 'any' } })).toEqual([])
    expect(reasons({ facts, policy: { sgx_types: others } })).toEqual([`the SGX type is ${name}`])
  })

  const flags = [
    ['dynamicPlatform', 'dynamic_platform', 'dynamic platform'],
    ['cachedKeys', 'cached_keys', 'cached keys'],
    ['smtEnabled', 'smt_enabled', 'SMT'],
  ] as const
  test.each(flags)('%s, on and off, is accepted where that is listed', (field, member, name) => {
    for (const [value, told] of [
      [true, 'on'],
      [false, 'off'],
    ] as const) {
      const facts = certified(sgx => ({ ...sgx, configuration: { ...sgx.configuration!, [field]: value } }))
      expect(reasons({ facts, policy: { [member]: [value] } })).toEqual([])
      expect(reasons({ facts, policy: { [member]: [true, false] } })).toEqual([])
      expect(reasons({ facts, policy: { [member]: 'any' } })).toEqual([])
      expect(reasons({ facts, policy: { [member]: [!value] } })).toEqual([`${name} is ${told}`])
      expect(reasons({ facts, policy: { [member]: ['unstated'] } })).toEqual([`${name} is ${told}`])
    }
  })

  test.each(flags)('%s, of a certificate that does not tell, is neither on nor off', (_, member, name) => {
    const facts = certified(({ platformInstanceId: _, configuration: __, ...sgx }) => sgx)
    expect(reasons({ facts, policy: { [member]: ['unstated'] } })).toEqual([])
    expect(reasons({ facts, policy: { [member]: 'any' } })).toEqual([])
    expect(reasons({ facts, policy: { [member]: [true, false] } })).toEqual([`${name} is not stated`])
  })
})

describe('freshness (row 36)', () => {
  const freshness = { withoutNonce: 'tinfoil-v2' } as const

  test('evidence over a nonce of ours is accepted by every policy', () => {
    expect(reasons({})).toEqual([])
    expect(reasons({ policy: { freshness: { without_nonce: ['tinfoil-v2'] } } })).toEqual([])
  })

  test('evidence of a format that has none is refused, unless the policy names the format', () => {
    const stale = ['the evidence is not over a nonce of ours (tinfoil-v2)']
    expect(reasons({ freshness })).toEqual(stale)
    expect(reasons({ freshness, policy: { freshness: { without_nonce: ['cocoon'] } } })).toEqual(stale)
    expect(reasons({ freshness, policy: { freshness: { without_nonce: ['cocoon', 'tinfoil-v2'] } } })).toEqual([])
  })
})

describe('image and weights', () => {
  const [small, large] = goodKeyset.models
  const measured = small!.weights_digest!
  const image = goodKeyset.software.image_digest
  const other = `sha256:${'99'.repeat(32)}`

  test.each<[string, Partial<Policy>, readonly string[]]>([
    ['the image, listed', { software_images: [image] }, []],
    ['another image', { software_images: [other] }, [`the software image is ${image}`]],
    ['the weights, listed', { weights: { digests: [measured], allow_unmeasured: true } }, []],
    ['other weights', { weights: { digests: [other], allow_unmeasured: true } }, [`the weights of small are ${measured}`]],
    ['weights that nobody measured', { weights: { digests: 'any', allow_unmeasured: false } }, ['the weights of large are not measured']],
    [
      'both models, each for its own reason',
      { weights: { digests: [other], allow_unmeasured: false } },
      [`the weights of small are ${measured}`, 'the weights of large are not measured'],
    ],
  ])('%s', (_, policy, expected) => {
    expect(reasons({ policy })).toEqual(expected)
  })

  test('one model among many with other weights refuses the worker', () => {
    const keyset = { ...goodKeyset, models: [small!, { ...large!, id: 'third', weights_digest: other }] }
    expect(reasons({ keyset, policy: { weights: { digests: [measured], allow_unmeasured: true } } })).toEqual([
      `the weights of third are ${other}`,
    ])
  })
})

describe('a bare quote, without a keyset', () => {
  const bare = (policy: Partial<Policy>) => reasons({ keyset: null, policy })
  const digest = `sha256:${'99'.repeat(32)}`

  test('is accepted where the policy asks for no software and no weights', () => {
    expect(bare({})).toEqual([])
  })

  test.each<[string, Partial<Policy>, string]>([
    ['an image', { software_images: [digest] }, 'the software image is not shown'],
    ['measured weights', { weights: { digests: 'any', allow_unmeasured: false } }, 'the weights are not shown'],
    ['certain weights, or none', { weights: { digests: [digest], allow_unmeasured: true } }, 'the weights are not shown'],
  ])('is refused where the policy asks for %s', (_, policy, reason) => {
    expect(bare(policy)).toEqual([reason])
  })
})
