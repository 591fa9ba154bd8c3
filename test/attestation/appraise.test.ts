/** Every rule of the policy: what it accepts, and what it refuses by itself. The facts are of real verification of our own quotes. */
import { describe, expect, test } from 'vitest'
import { appraise, developmentPolicy, type Facts, type Keyset, type Policy } from '../../src/attestation/index.ts'
import { developmentMeasurements, type QuoteRequest, type TdMeasurements, teeTcbSvnFor } from '../../src/tee/index.ts'
import { authority, goodKeyset, judge } from './support/sample.ts'

const goodPolicy = developmentPolicy(developmentMeasurements)
const goodFacts = judge({ request: { version: 5 } })
const ones = '01'.repeat(48)

const reasons = (o: { facts?: Facts; keyset?: Keyset; policy?: Partial<Policy> }) =>
  appraise(o.facts ?? goodFacts, o.keyset ?? goodKeyset, { ...goodPolicy, ...o.policy }).reasons
const td = (body: NonNullable<QuoteRequest['body']>, version: 4 | 5 = 5) => judge({ request: { version, body } })

describe('what the policy asks for', () => {
  test.each([4, 5] as const)('is accepted from a quote of version %i, with every check named', version => {
    const appraisal = appraise(judge({ request: { version } }), goodKeyset, goodPolicy)
    expect(appraisal).toMatchObject({ accepted: true, reasons: [] })
    expect(appraisal.checks.every(check => check.ok)).toBe(true)
    const names = appraisal.checks.map(check => check.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.includes('MRSERVICETD is in the policy')).toBe(version === 5)
    expect(names.slice(-2)).toEqual(['weights of small are accepted', 'weights of large are accepted'])
  })

  test('may be one of several', () => {
    const policy = { mr_td: [ones, ...goodPolicy.mr_td], tcb_statuses: ['OutOfDate', 'UpToDate'] } satisfies Partial<Policy>
    expect(reasons({ policy })).toEqual([])
  })
})

const measurements: readonly (readonly [keyof TdMeasurements, keyof Policy, string])[] = [
  ['mrSeam', 'mr_seam', 'MRSEAM'],
  ['mrTd', 'mr_td', 'MRTD'],
  ['rtMr0', 'rtmr0', 'RTMR0'],
  ['rtMr1', 'rtmr1', 'RTMR1'],
  ['rtMr2', 'rtmr2', 'RTMR2'],
  ['rtMr3', 'rtmr3', 'RTMR3'],
  ['mrConfigId', 'mr_config_id', 'MRCONFIGID'],
  ['mrOwner', 'mr_owner', 'MROWNER'],
  ['mrOwnerConfig', 'mr_owner_config', 'MROWNERCONFIG'],
  ['mrServiceTd', 'mr_service_td', 'MRSERVICETD'],
]

describe('measurements', () => {
  test.each(measurements)('a TD of another %s is refused', (field, _, name) => {
    expect(reasons({ facts: td({ [field]: Buffer.from(ones, 'hex') }) })).toEqual([`${name} is ${ones}, which is not in the policy`])
  })

  test.each(measurements)('and accepted where the policy lists it: %s', (field, member) => {
    expect(reasons({ facts: td({ [field]: Buffer.from(ones, 'hex') }), policy: { [member]: [ones] } })).toEqual([])
  })

  test('a TD is refused where the policy asks for another MRSIGNERSEAM', () => {
    expect(reasons({ policy: { mr_signer_seam: [ones] } })).toEqual([`MRSIGNERSEAM is ${'00'.repeat(48)}, which is not in the policy`])
  })

  test('one byte of one measurement is enough, the first or the last', () => {
    for (const offset of [0, 47]) {
      const mrTd = Buffer.from(developmentMeasurements.mrTd)
      mrTd[offset]! ^= 1
      expect(reasons({ facts: td({ mrTd }) })).toHaveLength(1)
    }
  })

  test('a measurement does not stand in for another', () => {
    const swapped = td({ rtMr0: developmentMeasurements.rtMr1, rtMr1: developmentMeasurements.rtMr0 })
    expect(reasons({ facts: swapped })).toHaveLength(2)
  })
})

describe('attributes and XFAM', () => {
  const attributes = (hex: string) => td({ tdAttributes: Buffer.from(hex, 'hex') })

  test('a TD under debug is refused twice: by the bits, and as such', () => {
    expect(reasons({ facts: attributes('0100001000000000') })).toEqual([
      'the TD runs under DEBUG: its memory is open to the host',
      'the TD attributes are 0100001000000000',
    ])
  })

  test('a TD under debug is refused whatever the policy says of its bits', () => {
    for (const td_attributes of [
      { mask: '00'.repeat(8), value: '00'.repeat(8) },
      { mask: 'ff'.repeat(8), value: '0100001000000000' },
    ])
      expect(reasons({ facts: attributes('0100001000000000'), policy: { td_attributes } })).toEqual([
        'the TD runs under DEBUG: its memory is open to the host',
      ])
  })

  test.each([
    ['without SEPT_VE_DISABLE', '0000000000000000'],
    ['with PKS', '0000005000000000'],
    ['with KL', '0000009000000000'],
    ['with PERFMON', '0000001000000080'],
    ['with a reserved bit', '0200001000000000'],
  ])('a TD %s is refused', (_, hex) => {
    expect(reasons({ facts: attributes(hex) })).toEqual([`the TD attributes are ${hex}`])
  })

  test('bits outside the mask are free, bits inside are not, each of the 64', () => {
    for (let bit = 1; bit < 64; bit++) {
      const value = Buffer.from(developmentMeasurements.tdAttributes)
      value[bit >> 3]! ^= 1 << (bit & 7)
      const mask = Buffer.alloc(8, 0xff)
      const facts = { ...goodFacts, report: { ...goodFacts.report, tdAttributes: value } }
      expect(reasons({ facts }), `bit ${bit}`).toHaveLength(1)
      mask[bit >> 3]! ^= 1 << (bit & 7)
      const td_attributes = { ...goodPolicy.td_attributes, mask: mask.toString('hex') }
      expect(reasons({ facts, policy: { td_attributes } }), `bit ${bit} masked`).toEqual([])
    }
  })

  test('XFAM is judged likewise', () => {
    const facts = td({ xfam: Buffer.from('0100000000000000', 'hex') })
    expect(reasons({ facts })).toEqual(['XFAM is 0100000000000000'])
    expect(reasons({ facts, policy: { xfam: { mask: '0100000000000000', value: '0100000000000000' } } })).toEqual([])
    expect(reasons({ policy: { xfam: { mask: 'ff'.repeat(8), value: '0700000000000000' } } })).toEqual(['XFAM is e702060000000000'])
  })
})

describe('the TCB', () => {
  test.each([
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'OutOfDate',
    'OutOfDateConfigurationNeeded',
  ] as const)('that is %s is refused, unless the policy tolerates it', status => {
    const facts = td({ teeTcbSvn: teeTcbSvnFor(status) }, 4)
    expect(reasons({ facts })).toEqual([`the TCB status is ${status}`])
    expect(reasons({ facts, policy: { tcb_statuses: [status] } })).toEqual([])
    expect(reasons({ policy: { tcb_statuses: [status] } })).toEqual(['the TCB status is UpToDate'])
  })

  test('that advises to launch anew is refused, unless the policy tolerates it', () => {
    const facts = td({ teeTcbSvn: teeTcbSvnFor('OutOfDate'), teeTcbSvn2: teeTcbSvnFor('UpToDate') })
    expect(reasons({ facts, policy: { tcb_statuses: ['UpToDate', 'OutOfDate'] } })).toEqual(['the TCB status is TDRelaunchAdvised'])
    expect(reasons({ facts, policy: { tcb_statuses: ['TDRelaunchAdvised'] } })).toEqual([])
  })

  test('that is revoked is refused by every policy there can be', () => {
    const facts = td({ teeTcbSvn: teeTcbSvnFor('Revoked') }, 4)
    const tcb_statuses = [
      'UpToDate',
      'SWHardeningNeeded',
      'ConfigurationNeeded',
      'ConfigurationAndSWHardeningNeeded',
      'OutOfDate',
      'OutOfDateConfigurationNeeded',
      'TDRelaunchAdvised',
      'TDRelaunchAdvisedConfigurationNeeded',
    ] satisfies Policy['tcb_statuses']
    expect(reasons({ facts, policy: { tcb_statuses } })).toEqual(['the TCB status is Revoked'])
  })

  test('with an advisory is refused where the policy rejects that advisory', () => {
    const facts = td({ teeTcbSvn: teeTcbSvnFor('SWHardeningNeeded') }, 4)
    const tolerant: Partial<Policy> = { tcb_statuses: ['SWHardeningNeeded'] }
    expect(reasons({ facts, policy: { ...tolerant, rejected_advisories: ['INTEL-SA-00615'] } })).toEqual([])
    expect(reasons({ facts, policy: { ...tolerant, rejected_advisories: ['CHRYSALIS-DEV-SWHardeningNeeded', 'X'] } })).toEqual([
      'advisories apply: CHRYSALIS-DEV-SWHardeningNeeded',
    ])
  })

  test('is judged by no collateral older than the policy asks for', () => {
    expect(reasons({ policy: { min_evaluation_number: 20 } })).toEqual([])
    expect(reasons({ policy: { min_evaluation_number: 21 } })).toEqual(['the evaluation number 20 is below 21'])
  })
})

describe('platform, machine, image and weights', () => {
  const ppid = Buffer.from(authority.profile.sgx.ppid).toString('hex')
  const [small, large] = goodKeyset.models
  const digest = small!.weights_digest!
  const image = goodKeyset.software.image_digest
  const other = `sha256:${'99'.repeat(32)}`

  test.each<[string, Partial<Policy>, readonly string[]]>([
    ['the platform, listed', { fmspcs: ['c0de43485259'] }, []],
    ['another platform', { fmspcs: ['00806f050000'] }, ['the FMSPC is c0de43485259']],
    ['the machine, listed', { ppids: [ppid] }, []],
    ['another machine', { ppids: ['00'.repeat(16)] }, [`the PPID is ${ppid}`]],
    ['the image, listed', { software_images: [image] }, []],
    ['another image', { software_images: [other] }, [`the software image is ${image}`]],
    ['the weights, listed', { weights: { digests: [digest], allow_unmeasured: true } }, []],
    ['other weights', { weights: { digests: [other], allow_unmeasured: true } }, [`the weights of small are ${digest}`]],
    ['weights that nobody measured', { weights: { digests: 'any', allow_unmeasured: false } }, ['the weights of large are not measured']],
    [
      'both models, each for its own reason',
      { weights: { digests: [other], allow_unmeasured: false } },
      [`the weights of small are ${digest}`, 'the weights of large are not measured'],
    ],
  ])('%s', (_, policy, expected) => {
    expect(reasons({ policy })).toEqual(expected)
  })

  test('one model among many with other weights refuses the worker', () => {
    const keyset = { ...goodKeyset, models: [small!, { ...large!, id: 'third', weights_digest: other }] }
    expect(reasons({ keyset, policy: { weights: { digests: [digest], allow_unmeasured: true } } })).toEqual([
      `the weights of third are ${other}`,
    ])
  })
})

describe('reasons', () => {
  test('are all listed, not only the first, and each failed check is named', () => {
    const facts = td({ ...Object.fromEntries(measurements.map(([field]) => [field, Buffer.alloc(48, 1)])), xfam: Buffer.alloc(8) })
    const policy: Partial<Policy> = {
      tcb_statuses: ['OutOfDate'],
      min_evaluation_number: 30,
      fmspcs: ['000000000000'],
      ppids: ['00'.repeat(16)],
      software_images: [`sha256:${'99'.repeat(32)}`],
      weights: { digests: [`sha256:${'99'.repeat(32)}`], allow_unmeasured: false },
    }
    const appraisal = appraise(facts, goodKeyset, { ...goodPolicy, ...policy })
    expect(appraisal.accepted).toBe(false)
    expect(appraisal.reasons).toHaveLength(measurements.length + 8)
    expect(appraisal.checks.filter(check => !check.ok)).toHaveLength(measurements.length + 8)
  })
})

describe('a bare quote, without a keyset', () => {
  const bare = (policy: Partial<Policy>) => appraise(goodFacts, undefined, { ...goodPolicy, ...policy }).reasons
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
