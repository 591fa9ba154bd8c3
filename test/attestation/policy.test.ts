/** The policy's form: every member has to be there, nothing else may be, and nothing is allowed by leaving a list empty. */
import { describe, expect, test } from 'vitest'
import { AttestationError, developmentPolicy, isOlderDevelopmentPolicy, parsePolicy } from '../../src/attestation/index.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'
import { outcome } from './support/outcome.ts'

const one = ['ab'.repeat(48)]
const good = {
  version: 2,
  freshness: { without_nonce: ['tinfoil-v2'] },
  tcb_statuses: ['UpToDate', 'SWHardeningNeeded'],
  grace_days: { platform: 30, qe: 0 },
  accepted_advisories: ['INTEL-SA-00614'],
  rejected_advisories: ['INTEL-SA-00615'],
  min_evaluation_number: 17,
  td_attributes: { mask: 'ffffffffffffffff', value: '0000001000000000' },
  xfam: { mask: '0300000000000000', value: '0300000000000000' },
  mr_seam: one,
  mr_signer_seam: one,
  mr_td: ['00'.repeat(48), 'ff'.repeat(48)],
  rtmr0: one,
  rtmr1: one,
  rtmr2: one,
  rtmr3: one,
  mr_config_id: one,
  mr_owner: one,
  mr_owner_config: one,
  mr_service_td: one,
  sgx_types: ['scalable', 'standard'],
  dynamic_platform: [false],
  cached_keys: [true, false],
  smt_enabled: ['unstated'],
  fmspcs: ['00806f050000'],
  ppids: ['cd'.repeat(16)],
  software_images: [`sha256:${'01'.repeat(32)}`],
  weights: { digests: [`sha256:${'02'.repeat(32)}`], allow_unmeasured: false },
  gpu: 'any',
}
type Member = keyof typeof good
const members = Object.keys(good) as Member[]
const measurements = members.filter(name => /^(mr_|rtmr)/.test(name))
const parse = (change: object) => outcome(() => parsePolicy({ ...good, ...change }))

describe('a policy', () => {
  test('is read as it stands, and cannot be changed afterwards', () => {
    const policy = parsePolicy(good)
    expect(policy).toEqual(good)
    expect(Object.isFrozen(policy)).toBe(true)
  })

  test('may say "any" of platforms, machines, images and weights, in so many letters', () => {
    expect(parse({ fmspcs: 'any', ppids: 'any', software_images: 'any', weights: { digests: 'any', allow_unmeasured: true } })).toBe(
      'accepted',
    )
    for (const word of ['Any', 'all', '*', '']) expect(parse({ fmspcs: word })).toBe('policy-malformed')
  })

  test('may say "any" of how the platform was set up, of grace and of accepted advisories', () => {
    const any = { sgx_types: 'any', dynamic_platform: 'any', cached_keys: 'any', smt_enabled: 'any', accepted_advisories: 'any' }
    expect(parse({ ...any, grace_days: { platform: 'any', qe: 'any' } })).toBe('accepted')
    expect(parse({ accepted_advisories: 'none', freshness: 'required' })).toBe('accepted')
  })

  test.each([...measurements, 'tcb_statuses', 'rejected_advisories', 'freshness', 'td_attributes', 'xfam', 'min_evaluation_number'])(
    'may not say "any" of %s',
    name => {
      expect(parse({ [name]: 'any' })).toBe('policy-malformed')
      if (name !== 'rejected_advisories') expect(parse({ [name]: ['any'] })).toBe('policy-malformed')
    },
  )

  test.each(members)('without %s is refused, and says so', name => {
    const { [name]: _, ...rest } = good
    expect(() => parsePolicy(rest)).toThrow(name)
    expect(outcome(() => parsePolicy(rest))).toBe('policy-malformed')
  })

  test.each(members)('with %s of another type is refused, and says so', name => {
    for (const wrong of [null, 1.5, 'x', {}, [null], [1], [[]]]) {
      expect(parse({ [name]: wrong }), `${name}: ${JSON.stringify(wrong)}`).toBe('policy-malformed')
      expect(() => parsePolicy({ ...good, [name]: wrong })).toThrow(name)
    }
  })

  test.each([
    ...measurements,
    'tcb_statuses',
    'accepted_advisories',
    'sgx_types',
    'dynamic_platform',
    'cached_keys',
    'smt_enabled',
    'fmspcs',
    'ppids',
    'software_images',
  ])('with nothing in %s is refused, and says so', name => {
    expect(() => parsePolicy({ ...good, [name]: [] })).toThrow(`${name}: an empty allow-list accepts nothing`)
    expect(parse({ [name]: [] })).toBe('policy-malformed')
  })

  test('with nothing in the digests of weights is refused', () => {
    expect(parse({ weights: { ...good.weights, digests: [] } })).toBe('policy-malformed')
  })

  test('with nothing in the formats that need no nonce is refused', () => {
    expect(parse({ freshness: { without_nonce: [] } })).toBe('policy-malformed')
  })

  test('may judge RTMR3 by an event log', () => {
    expect(parse({ rtmr3: { events: { 'compose-hash': ['ab'.repeat(32)], 'app-id': 'any' } } })).toBe('accepted')
    expect(parse({ rtmr3: { events: { 'system-ready': [''] } } })).toBe('accepted')
  })

  test.each<[string, object]>([
    ['no event', { events: {} }],
    ['an event and no payload of it', { events: { 'compose-hash': [] } }],
    ['half a byte', { events: { 'compose-hash': ['abc'] } }],
    ['a payload in capitals', { events: { 'compose-hash': ['AB'] } }],
    ['an event without a name', { events: { '': 'any' } }],
    ['an event by a name in capitals', { events: { 'Compose-Hash': 'any' } }],
    ['more than events', { events: { 'compose-hash': 'any' }, also: [] }],
    ['nothing', {}],
  ])('that judges RTMR3 by %s is refused', (_, rtmr3) => {
    expect(parse({ rtmr3 })).toBe('policy-malformed')
    expect(() => parsePolicy({ ...good, rtmr3 })).toThrow('rtmr3')
  })

  test('may reject no advisory', () => {
    expect(parse({ rejected_advisories: [] })).toBe('accepted')
  })

  test.each(['mr_tds', 'MR_TD', 'allow_debug', 'comment', 'rtmr4'])('with an unknown member %s is refused', name => {
    expect(parse({ [name]: one })).toBe('policy-malformed')
  })

  test.each<[string, object]>([
    ['a bit field', { td_attributes: { ...good.td_attributes, note: '' } }],
    ['the weights', { weights: { ...good.weights, allow_any: true } }],
    ['grace', { grace_days: { ...good.grace_days, module: 1 } }],
    ['freshness', { freshness: { ...good.freshness, max_age: 1 } }],
  ])('with an unknown member in %s is refused', (_, change) => {
    expect(parse(change)).toBe('policy-malformed')
  })

  test.each<[string, object]>([
    ['of a version to come', { version: 3 }],
    ['of no version', { version: 0 }],
    ['with half a version', { version: 1.5 }],
    ['with a version in words', { version: '2' }],
    ['that tolerates a revoked TCB', { tcb_statuses: ['UpToDate', 'Revoked'] }],
    ['that tolerates a status nobody knows', { tcb_statuses: ['NotSupported'] }],
    ['with a status of another case', { tcb_statuses: ['uptodate'] }],
    ['with a measurement in capitals', { mr_td: ['AB'.repeat(48)] }],
    ['with a measurement that is cut off', { rtmr3: ['ab'.repeat(47)] }],
    ['with a measurement that is too long', { mr_seam: ['ab'.repeat(49)] }],
    ['with a measurement that is no hex', { mr_td: ['zz'.repeat(48)] }],
    ['with a measurement and a line feed', { mr_td: [`${'ab'.repeat(48)}\n`] }],
    ['with one wrong measurement among good ones', { mr_td: [...one, ''] }],
    ['with a bit that its mask does not ask for', { xfam: { mask: '0300000000000000', value: '0700000000000000' } }],
    ['with grace of less than nothing', { grace_days: { platform: -1, qe: 0 } }],
    ['with half a day of grace', { grace_days: { platform: 0, qe: 0.5 } }],
    ['with grace of ages', { grace_days: { platform: 36_501, qe: 0 } }],
    ['with grace of the platform only', { grace_days: { platform: 0 } }],
    ['with grace of the quoting enclave only', { grace_days: { qe: 0 } }],
    ['that accepts an advisory without a name', { accepted_advisories: [''] }],
    ['that rejects an advisory without a name', { rejected_advisories: [''] }],
    ['that accepts advisories in other words', { accepted_advisories: 'all' }],
    ['with an SGX type nobody knows', { sgx_types: ['huge'] }],
    ['with a flag in words', { smt_enabled: ['true'] }],
    ['with a bare flag', { cached_keys: true }],
    ['with a format nobody could send', { freshness: { without_nonce: ['Tinfoil V2'] } }],
    ['that asks for freshness in other words', { freshness: 'optional' }],
    ['that asks for GPUs in other words', { gpu: 'none' }],
    ['with a mask of seven bytes', { td_attributes: { mask: 'ff'.repeat(7), value: '00'.repeat(8) } }],
    ['with a bit field without its mask', { xfam: { value: '00'.repeat(8) } }],
    ['with a bit field without its value', { xfam: { mask: '00'.repeat(8) } }],
    ['with an FMSPC in capitals', { fmspcs: ['00806F050000'] }],
    ['with a PPID that is cut off', { ppids: ['cd'.repeat(15)] }],
    ['with "any" inside a list', { ppids: ['any'] }],
    ['with a digest without its algorithm', { software_images: ['01'.repeat(32)] }],
    ['with a digest of another algorithm', { software_images: [`sha512:${'01'.repeat(64)}`] }],
    ['with an evaluation number below zero', { min_evaluation_number: -1 }],
    ['with half an evaluation number', { min_evaluation_number: 17.5 }],
    ['with an evaluation number in words', { min_evaluation_number: '17' }],
    ['that does not say whether weights have to be measured', { weights: { digests: 'any' } }],
    ['that says so in words', { weights: { digests: 'any', allow_unmeasured: 'no' } }],
    ['that does not say which weights', { weights: { allow_unmeasured: false } }],
  ])('%s is refused', (_, change) => {
    expect(parse(change)).toBe('policy-malformed')
  })

  test.each([null, undefined, [], 'policy', 1])('is not %j', value => {
    expect(outcome(() => parsePolicy(value))).toBe('policy-malformed')
  })

  test('names everything that is wrong with it', () => {
    const error = refusal({ ...good, version: 3, mr_td: [], also: 1, xfam: { mask: 'ff', value: '00'.repeat(8) } })
    expect(error.reasons).toHaveLength(4)
    for (const name of ['version', 'mr_td', 'also', 'xfam.mask']) expect(error.message).toContain(name)
  })
})

describe('a policy of version 1', () => {
  const { version, freshness, grace_days, accepted_advisories, sgx_types, dynamic_platform, cached_keys, smt_enabled, gpu, ...same } = good
  const older = { version: 1, ...same }

  test('is refused with the one reason, that names what to add', () => {
    const { reasons } = refusal(older)
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(/^version: this is a policy of version 1; set it to 2 and add "freshness": "required", /)
  })

  test('is taken once it has what its refusal says, and judges as before', () => {
    const added = /add (.*), which judges/.exec(refusal(older).message)![1]!
    const policy = parsePolicy({ ...older, version: 2, ...(JSON.parse(`{${added}}`) as object) })
    expect(policy).toMatchObject({ ...same, accepted_advisories: 'any', grace_days: { platform: 'any', qe: 'any' } })
  })

  test('that has some of it already is told only what it lacks', () => {
    expect(refusal({ ...older, gpu: 'any', freshness: 'required' }).message).not.toMatch(/"gpu"|"freshness"/)
  })
})

describe('the policy of the development mode', () => {
  test('lists exactly the measurements that it was given', () => {
    const policy = developmentPolicy({ ...developmentMeasurements, mrOwner: Buffer.alloc(48, 3) })
    expect(policy.mr_td).toEqual([Buffer.from(developmentMeasurements.mrTd).toString('hex')])
    expect(policy.mr_owner).toEqual(['03'.repeat(48)])
    expect(policy.tcb_statuses).toEqual(['UpToDate'])
    expect(parsePolicy(structuredClone(policy))).toEqual(policy)
  })

  test('of version 1 is known again, unless somebody changed it', () => {
    const own = developmentPolicy(developmentMeasurements)
    const { freshness, grace_days, accepted_advisories, sgx_types, dynamic_platform, cached_keys, smt_enabled, gpu, ...rest } = own
    const older = { ...rest, version: 1 }
    expect(isOlderDevelopmentPolicy(older, own)).toBe(true)
    const { mr_td, ...less } = older
    for (const edited of [
      { ...older, min_evaluation_number: 1 },
      { ...older, mr_td: one },
      { ...older, mr_td: [...mr_td, ...one] },
      { ...older, comment: 'mine' },
      { ...older, weights: { digests: 'any', allow_unmeasured: false } },
      { ...older, version: 2 },
      less,
      own,
      null,
      'policy',
    ])
      expect(isOlderDevelopmentPolicy(edited, own)).toBe(false)
  })
})

function refusal(value: unknown): AttestationError {
  try {
    parsePolicy(value)
  } catch (error) {
    if (error instanceof AttestationError) return error
    throw error
  }
  throw new Error('it was accepted')
}
