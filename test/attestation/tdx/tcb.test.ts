/** TCB evaluation by Intel's rule: platform, TDX module and quoting enclave, and how they converge. */
import { describe, expect, test } from 'vitest'
import type { TcbStatus } from '../../../src/attestation/index.ts'
import {
  type AuthorityEdits,
  developmentMeasurements,
  type PlatformStatus,
  platformStatuses,
  type QuoteRequest,
  type TcbInfo,
  teeTcbSvnFor,
} from '../../../src/tee/index.ts'
import { outcome } from '../support/outcome.ts'
import { authority, judge } from '../support/sample.ts'

type Part = 'UpToDate' | 'OutOfDate' | 'Revoked'
const moduleSvn: Readonly<Record<Part, number>> = { UpToDate: 5, OutOfDate: 4, Revoked: 3 }
const qeSvn: Readonly<Record<Part, number>> = { UpToDate: 4, OutOfDate: 3, Revoked: 2 }
const parts = ['UpToDate', 'OutOfDate', 'Revoked'] as const

const ofPlatform = (status: PlatformStatus | undefined, module: number = moduleSvn.UpToDate): QuoteRequest => ({
  body: { teeTcbSvn: teeTcbSvnFor(status, module) },
})

describe('the platform’s level', () => {
  test.each(platformStatuses)('%s is what the quote’s TEE_TCB_SVN reaches, with its advisories and date', status => {
    const facts = judge({ request: ofPlatform(status) })
    expect(facts).toMatchObject({ status, platform: status, module: 'UpToDate', qe: 'UpToDate' })
    expect(facts.advisories).toEqual(status === 'UpToDate' ? [] : [`CHRYSALIS-DEV-${status}`])
    expect(facts.tcbDate).toBe(
      { OutOfDate: '2024-03-13T00:00:00Z', OutOfDateConfigurationNeeded: '2024-03-13T00:00:00Z', Revoked: '2018-01-04T00:00:00Z' }[
        status as string
      ] ?? '2025-08-13T00:00:00Z',
    )
  })

  test('is not there below every level', () => {
    expect(outcome(() => judge({ request: ofPlatform(undefined) }))).toBe('tcb-not-supported')
  })

  test.each<[string, AuthorityEdits]>([
    ['an SGX component', { sgx: sgx => ({ ...sgx, tcbComponents: sgx.tcbComponents.with(0, sgx.tcbComponents[0]! - 1) }) }],
    [
      'the last SGX component that counts',
      { sgx: sgx => ({ ...sgx, tcbComponents: sgx.tcbComponents.with(7, sgx.tcbComponents[7]! - 1) }) },
    ],
    ['PCESVN', { sgx: sgx => ({ ...sgx, pceSvn: sgx.pceSvn - 1 }) }],
  ])('is not there with %s one too low', (_, edits) => {
    expect(outcome(() => judge({ quoteBy: authority.with(edits), collateralBy: authority }))).toBe('tcb-not-supported')
  })

  test('counts each of the sixteen SGX components, at its very number', () => {
    const { tcbComponents } = authority.profile.sgx
    const asking = (index: number, by: number) =>
      withInfo(body => ({
        ...body,
        tcbLevels: body.tcbLevels.map(level => ({
          ...level,
          tcb: { ...level.tcb, sgxtcbcomponents: level.tcb.sgxtcbcomponents.with(index, { svn: tcbComponents[index]! + by }) },
        })),
      }))
    for (let index = 0; index < 16; index++)
      for (const [by, code] of [
        [0, 'accepted'],
        [1, 'tcb-not-supported'],
      ] as const)
        expect(
          outcome(() => judge({ quoteBy: authority, collateralBy: asking(index, by) })),
          `component ${index} and ${by}`,
        ).toBe(code)
  })

  test('is there with every SGX component and PCESVN higher than asked', () => {
    const newer = authority.with({ sgx: sgx => ({ ...sgx, tcbComponents: sgx.tcbComponents.map(svn => svn + 1), pceSvn: 300 }) })
    expect(judge({ quoteBy: newer, collateralBy: authority }).status).toBe('UpToDate')
  })

  test('counts each TDX component from the third on', () => {
    const asking = (index: number) =>
      withInfo(body => ({
        ...body,
        tcbLevels: body.tcbLevels.map(level => ({
          ...level,
          tcb: { ...level.tcb, tdxtcbcomponents: level.tcb.tdxtcbcomponents.with(index, { svn: 200 }) },
        })),
      }))
    for (let index = 0; index < 16; index++)
      expect(
        outcome(() => judge({ quoteBy: authority, collateralBy: asking(index) })),
        `component ${index}`,
      ).toBe(index < 2 ? 'accepted' : 'tcb-not-supported')
  })

  test('counts the first two as well for module 1.0, which has no identity of its own', () => {
    const base = (first: number): QuoteRequest => {
      const teeTcbSvn = teeTcbSvnFor('UpToDate', first)
      teeTcbSvn[1] = 0
      return { body: { teeTcbSvn } }
    }
    expect(judge({ request: base(5) })).toMatchObject({ status: 'UpToDate', module: 'UpToDate' })
    expect(outcome(() => judge({ request: base(4) }))).toBe('tcb-not-supported')
  })
})

describe('the TDX module', () => {
  test.each(parts)('is %s by its own SVN', module => {
    expect(judge({ request: ofPlatform('UpToDate', moduleSvn[module]) }).module).toBe(module)
  })

  test('older than every level is not supported', () => {
    expect(outcome(() => judge({ request: ofPlatform('UpToDate', 2) }))).toBe('tcb-not-supported')
  })

  const major = (version: number): QuoteRequest => {
    const teeTcbSvn = Buffer.from(developmentMeasurements.teeTcbSvn)
    teeTcbSvn[1] = version
    return { body: { teeTcbSvn } }
  }
  test.each<[string, string, QuoteRequest]>([
    ['of version 3, which TCB info knows too', 'accepted', major(3)],
    ['of a version that TCB info does not know', 'module-mismatch', major(2)],
    ['by another signer', 'module-mismatch', { body: { mrSignerSeam: Buffer.alloc(48, 1) } }],
    ['with attributes', 'module-mismatch', { body: { seamAttributes: Buffer.of(1, 0, 0, 0, 0, 0, 0, 0) } }],
    ['1.0 by another signer', 'module-mismatch', { body: { ...major(0).body, mrSignerSeam: Buffer.alloc(48, 1) } }],
  ])('%s: %s', (_, code, request) => {
    expect(outcome(() => judge({ request }))).toBe(code)
  })

  test('of a later version is refused where TCB info has no identities, and 1.0 is not', () => {
    const bare = withInfo(({ tdxModuleIdentities, ...body }) => body)
    expect(outcome(() => judge({ by: bare }))).toBe('module-mismatch')
    expect(outcome(() => judge({ by: bare, request: major(0) }))).toBe('accepted')
  })

  test('is found by its id in either case', () => {
    const lower = withInfo(body => ({
      ...body,
      tdxModuleIdentities: (body.tdxModuleIdentities ?? []).map(identity => ({ ...identity, id: identity.id.toLowerCase() })),
    }))
    expect(judge({ by: lower }).module).toBe('UpToDate')
  })

  test('with attributes is refused even where TCB info asks for them, as Intel does', () => {
    const asking = withInfo(body => ({
      ...body,
      tdxModuleIdentities: (body.tdxModuleIdentities ?? []).map(identity => ({ ...identity, attributes: '0100000000000000' })),
    }))
    const request = { body: { seamAttributes: Buffer.of(1, 0, 0, 0, 0, 0, 0, 0) } }
    expect(outcome(() => judge({ by: asking, request }))).toBe('module-mismatch')
    expect(outcome(() => judge({ by: asking }))).toBe('module-mismatch')
  })
})

describe('the quoting enclave', () => {
  test.each(parts)('is %s by its ISVSVN', qe => {
    expect(judge({ request: { qeReport: { isvSvn: qeSvn[qe] } } }).qe).toBe(qe)
  })

  test('newer than every level is at the newest', () => {
    expect(judge({ request: { qeReport: { isvSvn: 9 } } }).qe).toBe('UpToDate')
  })
})

/** Intel's table: what an out-of-date part makes of a platform's status. A revoked part revokes. */
const aged: Readonly<Record<PlatformStatus, PlatformStatus>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
}

describe('convergence', () => {
  const rows = platformStatuses.flatMap(platform => parts.flatMap(module => parts.map(qe => ({ platform, module, qe }))))
  test.each(rows)('$platform with a module $module and a quoting enclave $qe', ({ platform, module, qe }) => {
    const expected =
      module === 'Revoked' || qe === 'Revoked' ? 'Revoked' : module === 'OutOfDate' || qe === 'OutOfDate' ? aged[platform] : platform
    const facts = judge({ request: { ...ofPlatform(platform, moduleSvn[module]), qeReport: { isvSvn: qeSvn[qe] } } })
    expect(facts).toMatchObject({ status: expected, platform, module, qe })
    expect(facts.advisories).toEqual([
      ...new Set([platform, module, qe].filter(status => status !== 'UpToDate').map(status => `CHRYSALIS-DEV-${status}`)),
    ])
  })
})

describe('a TD 1.5, which tells its TCB at launch and now', () => {
  const td15 = (launch: PlatformStatus, current: PlatformStatus): QuoteRequest => ({
    version: 5,
    bodyType: 3,
    body: { teeTcbSvn: teeTcbSvnFor(launch), teeTcbSvn2: teeTcbSvnFor(current) },
  })
  /** Intel's rule: only a TD that is old itself, on a machine that is not, is told to launch anew. */
  const expected = (launch: PlatformStatus, current: PlatformStatus): TcbStatus => {
    if (!launch.startsWith('OutOfDate') || current.startsWith('OutOfDate') || current === 'Revoked') return launch
    return launch.includes('Configuration') || current.includes('Configuration')
      ? 'TDRelaunchAdvisedConfigurationNeeded'
      : 'TDRelaunchAdvised'
  }
  const pairs = platformStatuses.flatMap(launch => platformStatuses.map(current => ({ launch, current })))

  test.each(pairs)('launched $launch and now $current', ({ launch, current }) => {
    const facts = judge({ request: td15(launch, current) })
    expect(facts).toMatchObject({ status: expected(launch, current), platform: launch, current: { platform: current, module: 'UpToDate' } })
    expect(facts.advisories).toEqual([
      ...new Set([launch, current].filter(status => status !== 'UpToDate').map(status => `CHRYSALIS-DEV-${status}`)),
    ])
  })

  test('comes to each of the two advices', () => {
    expect(judge({ request: td15('OutOfDate', 'UpToDate') }).status).toBe('TDRelaunchAdvised')
    expect(judge({ request: td15('OutOfDate', 'ConfigurationNeeded') }).status).toBe('TDRelaunchAdvisedConfigurationNeeded')
  })

  test('counts the oldest date of launch and now', () => {
    expect(judge({ request: td15('UpToDate', 'UpToDate') }).tcbDate).toBe('2025-08-13T00:00:00Z')
    expect(judge({ request: td15('OutOfDate', 'UpToDate') }).tcbDate).toBe('2024-03-13T00:00:00Z')
    expect(judge({ request: td15('UpToDate', 'Revoked') }).tcbDate).toBe('2018-01-04T00:00:00Z')
  })

  const modules = (launch: Part, current: Part, qe: Part = 'UpToDate'): QuoteRequest => ({
    version: 5,
    body: { teeTcbSvn: teeTcbSvnFor('UpToDate', moduleSvn[launch]), teeTcbSvn2: teeTcbSvnFor('UpToDate', moduleSvn[current]) },
    qeReport: { isvSvn: qeSvn[qe] },
  })
  test.each<[Part, Part, Part, TcbStatus]>([
    ['OutOfDate', 'UpToDate', 'UpToDate', 'TDRelaunchAdvised'],
    ['OutOfDate', 'OutOfDate', 'UpToDate', 'OutOfDate'],
    ['OutOfDate', 'Revoked', 'UpToDate', 'OutOfDate'],
    ['UpToDate', 'OutOfDate', 'UpToDate', 'UpToDate'],
    ['Revoked', 'UpToDate', 'UpToDate', 'Revoked'],
    // An old quoting enclave is as old now as at launch: to launch anew would not help.
    ['OutOfDate', 'UpToDate', 'OutOfDate', 'OutOfDate'],
    ['UpToDate', 'UpToDate', 'OutOfDate', 'OutOfDate'],
    ['UpToDate', 'UpToDate', 'Revoked', 'Revoked'],
  ])('with a module launched %s and now %s, and a quoting enclave %s, is %s', (launch, current, qe, status) => {
    expect(judge({ request: modules(launch, current, qe) })).toMatchObject({ status, module: launch, current: { module: current }, qe })
  })

  test('has a module that TCB info knows, now as at launch', () => {
    const teeTcbSvn2 = teeTcbSvnFor('UpToDate')
    teeTcbSvn2[1] = 2
    expect(outcome(() => judge({ request: { version: 5, body: { teeTcbSvn2 } } }))).toBe('module-mismatch')
    expect(outcome(() => judge({ request: { version: 5, body: { teeTcbSvn2: teeTcbSvnFor('UpToDate', 2) } } }))).toBe('tcb-not-supported')
  })

  test('has a level for both, or none', () => {
    const request = { ...td15('UpToDate', 'UpToDate'), body: { teeTcbSvn2: teeTcbSvnFor(undefined) } }
    expect(outcome(() => judge({ request }))).toBe('tcb-not-supported')
  })

  test('in a body of TD 1.0 tells only the one at launch', () => {
    const request = { ...td15('OutOfDate', 'UpToDate'), bodyType: 2 } as const
    expect(judge({ request })).toMatchObject({ status: 'OutOfDate', current: undefined })
  })
})

function withInfo(edit: (body: TcbInfo) => TcbInfo) {
  return authority.with({ tcbInfo: document => ({ ...document, body: edit(document.body) }) })
}
