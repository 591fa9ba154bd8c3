/** Which security versions are accepted: statuses, their grace, their advisories, and how recent the evaluation is. */
import { describe, expect, test } from 'vitest'
import type { Facts, Policy } from '../../../src/attestation/index.ts'
import { developmentQe, teeTcbSvnFor } from '../../../src/tee/index.ts'
import { goodPolicy, reasons, td } from '../support/appraisal.ts'
import { day, judge, now } from '../support/sample.ts'

/** Puts up with whatever a status is made of, but not with the status itself. */
const patient = { grace_days: { platform: 'any', qe: 'any' }, accepted_advisories: 'any' } satisfies Partial<Policy>
const outOfDate = td({ teeTcbSvn: teeTcbSvnFor('OutOfDate') }, 4)
/** When the out-of-date level of the development TCB info is of. */
const tcbDate = Date.parse('2024-03-13T00:00:00Z')

describe('a TCB', () => {
  test.each([
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'OutOfDate',
    'OutOfDateConfigurationNeeded',
  ] as const)('that is %s is refused, unless the policy tolerates it', status => {
    const facts = td({ teeTcbSvn: teeTcbSvnFor(status) }, 4)
    expect(reasons({ facts, policy: patient })).toEqual([`the TCB status is ${status}`])
    expect(reasons({ facts, policy: { ...patient, tcb_statuses: [status] } })).toEqual([])
    expect(reasons({ policy: { tcb_statuses: [status] } })).toEqual(['the TCB status is UpToDate'])
  })

  test('that advises to launch anew is refused, unless the policy tolerates it', () => {
    const facts = td({ teeTcbSvn: teeTcbSvnFor('OutOfDate'), teeTcbSvn2: teeTcbSvnFor('UpToDate') })
    expect(reasons({ facts, policy: { ...patient, tcb_statuses: ['UpToDate', 'OutOfDate'] } })).toEqual([
      'the TCB status is TDRelaunchAdvised',
    ])
    expect(reasons({ facts, policy: { ...patient, tcb_statuses: ['TDRelaunchAdvised'] } })).toEqual([])
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
    expect(reasons({ facts, policy: { ...patient, tcb_statuses } })).toEqual(['the TCB status is Revoked', 'the platform’s TCB is revoked'])
  })

  test('that was launched well and is revoked by now is refused, whatever Intel’s merged status says of it', () => {
    const platform = td({ teeTcbSvn: teeTcbSvnFor('UpToDate'), teeTcbSvn2: teeTcbSvnFor('Revoked') })
    const module = td({ teeTcbSvn: teeTcbSvnFor('UpToDate'), teeTcbSvn2: teeTcbSvnFor('UpToDate', 3) })
    expect([platform.status, module.status]).toEqual(['UpToDate', 'UpToDate'])
    expect(reasons({ facts: platform, policy: patient })).toEqual(['the platform’s present TCB is revoked'])
    expect(reasons({ facts: module, policy: patient })).toEqual(['the present TDX module is revoked'])
  })

  test('is judged by no collateral older than the policy asks for', () => {
    expect(reasons({ policy: { min_evaluation_number: 20 } })).toEqual([])
    expect(reasons({ policy: { min_evaluation_number: 21 } })).toEqual(['the evaluation number 20 is below 21'])
  })

  test('is told with every reason: status, grace and advisories', () => {
    expect(reasons({ facts: outOfDate })).toEqual([
      'the TCB status is OutOfDate',
      'the platform’s TCB is out of date, of 2024-03-13: the policy gives 0 days of grace',
      'advisories apply that the policy does not accept: CHRYSALIS-DEV-OutOfDate',
    ])
  })
})

describe('grace', () => {
  const tolerant = { ...patient, tcb_statuses: ['UpToDate', 'OutOfDate', 'TDRelaunchAdvised'] } satisfies Partial<Policy>
  const judged = (facts: Facts, grace_days: Policy['grace_days'], at: number) => reasons({ facts, policy: { ...tolerant, grace_days }, at })
  const late = (what: string, days: number) => [`the ${what} is out of date, of 2024-03-13: the policy gives ${days} days of grace`]
  /** Quoting enclave one version behind, the rest up to date. */
  const oldQe = judge({ request: { qeReport: { isvSvn: developmentQe.isvSvn - 1 } } })
  const oldModule = td({ teeTcbSvn: teeTcbSvnFor('UpToDate', 4) }, 4)
  const relaunch = td({ teeTcbSvn: teeTcbSvnFor('OutOfDate'), teeTcbSvn2: teeTcbSvnFor('UpToDate') })

  test.each<[string, Facts, 'platform' | 'qe', string]>([
    ['platform', outOfDate, 'platform', 'platform’s TCB'],
    ['TDX module', oldModule, 'platform', 'TDX module'],
    ['platform at launch', relaunch, 'platform', 'platform’s TCB'],
    ['quoting enclave', oldQe, 'qe', 'quoting enclave'],
  ])('of the %s runs from the date of its level, to the very millisecond', (_, facts, part, told) => {
    const days = (count: number | 'any') => ({ platform: 'any', qe: 'any', [part]: count }) as Policy['grace_days']
    expect(judged(facts, days(100), tcbDate + 100 * day)).toEqual([])
    expect(judged(facts, days(100), tcbDate + 100 * day + 1)).toEqual(late(told, 100))
    expect(judged(facts, days(1), tcbDate + day)).toEqual([])
    expect(judged(facts, days('any'), now + 10_000 * day)).toEqual([])
  })

  test('of 0 days is none, on the first day and before', () => {
    for (const at of [tcbDate - day, tcbDate, tcbDate + 1])
      expect(judged(outOfDate, { platform: 0, qe: 'any' }, at)).toEqual(late('platform’s TCB', 0))
  })

  test('of one part is none of the other', () => {
    expect(judged(oldQe, { platform: 'any', qe: 0 }, now)).toEqual(late('quoting enclave', 0))
    expect(judged(outOfDate, { platform: 0, qe: 'any' }, now)).toEqual(late('platform’s TCB', 0))
    expect(judged(oldQe, { platform: 0, qe: 'any' }, now)).toEqual([])
    expect(judged(outOfDate, { platform: 'any', qe: 0 }, now)).toEqual([])
  })

  test('tolerates no status by itself', () => {
    expect(reasons({ facts: outOfDate, policy: { ...patient } })).toEqual(['the TCB status is OutOfDate'])
  })

  test('is not asked of a part that only needs hardening or configuration', () => {
    for (const status of ['SWHardeningNeeded', 'ConfigurationNeeded'] as const)
      expect(
        reasons({
          facts: td({ teeTcbSvn: teeTcbSvnFor(status) }, 4),
          policy: { tcb_statuses: [status], grace_days: { platform: 0, qe: 0 }, accepted_advisories: 'any' },
        }),
      ).toEqual([])
  })
})

describe('advisories', () => {
  const facts = td({ teeTcbSvn: teeTcbSvnFor('SWHardeningNeeded') }, 4)
  const id = 'CHRYSALIS-DEV-SWHardeningNeeded'
  const tolerant = { tcb_statuses: ['UpToDate', 'SWHardeningNeeded'] } satisfies Partial<Policy>
  const judged = (policy: Partial<Policy>) => reasons({ facts, policy: { ...tolerant, ...policy } })

  test('of a tolerated status are accepted one by one, or all', () => {
    expect(judged({ accepted_advisories: [id] })).toEqual([])
    expect(judged({ accepted_advisories: ['INTEL-SA-00615', id] })).toEqual([])
    expect(judged({ accepted_advisories: 'any' })).toEqual([])
    expect(judged({ accepted_advisories: ['INTEL-SA-00615'] })).toEqual([`advisories apply that the policy does not accept: ${id}`])
    expect(judged({ accepted_advisories: 'none' })).toEqual([`advisories apply that the policy does not accept: ${id}`])
  })

  test('of every part count: one that nobody named is enough', () => {
    const two = { ...facts, advisories: [id, 'INTEL-SA-01192'] }
    const policy = { ...tolerant, accepted_advisories: [id] }
    expect(reasons({ facts: two, policy })).toEqual(['advisories apply that the policy does not accept: INTEL-SA-01192'])
  })

  test('beside a TCB that is up to date ask for no acceptance', () => {
    const fine = { ...td({}), advisories: ['INTEL-SA-01192'] }
    expect(reasons({ facts: fine, policy: { accepted_advisories: 'none' } })).toEqual([])
    expect(reasons({ facts: fine, policy: { rejected_advisories: ['INTEL-SA-01192'] } })).toEqual([
      'advisories apply that the policy rejects: INTEL-SA-01192',
    ])
  })

  test('that the policy rejects are refused, accepted or not', () => {
    const accepted_advisories = 'any' as const
    expect(judged({ accepted_advisories, rejected_advisories: ['INTEL-SA-00615'] })).toEqual([])
    expect(judged({ accepted_advisories, rejected_advisories: [id, 'X'] })).toEqual([`advisories apply that the policy rejects: ${id}`])
  })
})

test('the policy of the development mode tolerates nothing', () => {
  expect(goodPolicy).toMatchObject({ tcb_statuses: ['UpToDate'], grace_days: { platform: 0, qe: 0 }, accepted_advisories: 'none' })
})
