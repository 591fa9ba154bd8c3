/** The judgement as a whole. Each rule has its tests in `policy/`; the facts are of real verification of our own quotes. */
import { describe, expect, test } from 'vitest'
import type { Policy } from '../../src/attestation/index.ts'
import { appraisal, goodFacts, goodPolicy, reasons, td } from './support/appraisal.ts'
import { judge } from './support/sample.ts'

const ones = '01'.repeat(48)

describe('what the policy asks for', () => {
  test.each([4, 5] as const)('is accepted from a quote of version %i, with every check named', version => {
    const { accepted, reasons, checks } = appraisal({ facts: judge({ request: { version } }) })
    expect({ accepted, reasons }).toEqual({ accepted: true, reasons: [] })
    expect(checks.every(check => check.ok)).toBe(true)
    const names = checks.map(check => check.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.includes('MRSERVICETD is in the policy')).toBe(version === 5)
    expect(names.slice(-2)).toEqual(['weights of small are accepted', 'weights of large are accepted'])
  })

  test('may be one of several', () => {
    const policy = { mr_td: [ones, ...goodPolicy.mr_td], tcb_statuses: ['OutOfDate', 'UpToDate'] } satisfies Partial<Policy>
    expect(reasons({ policy })).toEqual([])
  })
})

describe('reasons', () => {
  const none = `sha256:${'99'.repeat(32)}`
  const policy: Partial<Policy> = {
    tcb_statuses: ['OutOfDate'],
    min_evaluation_number: 30,
    sgx_types: ['standard'],
    dynamic_platform: [false],
    cached_keys: [false],
    smt_enabled: [false],
    fmspcs: ['000000000000'],
    ppids: ['00'.repeat(16)],
    software_images: [none],
    weights: { digests: [none], allow_unmeasured: false },
    mr_signer_seam: [ones],
  }
  const other = Buffer.alloc(48, 1)
  const body = {
    mrSeam: other,
    mrTd: other,
    rtMr0: other,
    rtMr1: other,
    rtMr2: other,
    rtMr3: other,
    mrConfigId: other,
    mrOwner: other,
    mrOwnerConfig: other,
    mrServiceTd: other,
    tdAttributes: Buffer.from('0100000000000000', 'hex'),
    xfam: Buffer.alloc(8),
  }

  test('are all listed, not only the first, and each failed check is named', () => {
    const result = appraisal({ facts: td(body), policy, freshness: { withoutNonce: 'tinfoil-v2' } })
    expect(result.accepted).toBe(false)
    expect(result.reasons).toHaveLength(26)
    expect(result.checks.filter(check => !check.ok)).toHaveLength(26)
    expect(result.checks.filter(check => check.ok).map(check => check.name)).toEqual([
      'no part of the TCB is revoked',
      'platform and TDX module are within their grace',
      'quoting enclave is within its grace',
      'advisories of a tolerated status are accepted',
      'no advisory is rejected',
    ])
    expect(new Set(result.reasons).size).toBe(26)
  })

  test('are none where all is well', () => {
    expect(reasons({ facts: goodFacts })).toEqual([])
  })
})
