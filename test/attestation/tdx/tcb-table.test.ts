/**
 * The TCB evaluation beside a second one that was derived from Intel's description by another way: a status is three facts (old,
 * misconfigured, unhardened), and a level is found by counting. All combinations of statuses, and TCB info by chance.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttestationError, loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { evaluateTcb } from '../../../src/attestation/tdx/tcb.ts'
import type { IsvLevel, ModuleStatus, PlatformLevel, PlatformStatus, TcbInfo } from '../../../src/attestation/tdx/tcb-info.ts'
import { authority, now } from '../support/sample.ts'

const collateral = loadCollateral(authority.collateral(now), now, authority.rootDer)
const quotes = { td10: parseQuote(authority.issueQuote()), td15: parseQuote(authority.issueQuote({ version: 5 })) }
const { pck } = verifyQuote(quotes.td10, collateral, now)

/** What a status says. */
interface Meaning {
  readonly revoked?: true
  readonly old?: true
  readonly misconfigured?: true
  readonly unhardened?: true
}
const meanings: Readonly<Record<PlatformStatus, Meaning>> = {
  UpToDate: {},
  SWHardeningNeeded: { unhardened: true },
  ConfigurationNeeded: { misconfigured: true },
  ConfigurationAndSWHardeningNeeded: { misconfigured: true, unhardened: true },
  OutOfDate: { old: true },
  OutOfDateConfigurationNeeded: { old: true, misconfigured: true },
  Revoked: { revoked: true },
}
const platformStatuses = Object.keys(meanings) as PlatformStatus[]
const componentStatuses: readonly ModuleStatus[] = ['UpToDate', 'OutOfDate', 'Revoked']

/** What is old needs no word on hardening; what is revoked needs no word at all. */
function nameOf({ revoked, old, misconfigured, unhardened }: Meaning): PlatformStatus {
  if (revoked) return 'Revoked'
  const wanted = old ? { old, misconfigured } : { misconfigured, unhardened }
  return platformStatuses.find(
    status =>
      !meanings[status].revoked &&
      (['old', 'misconfigured', 'unhardened'] as const).every(
        fact => Boolean(meanings[status][fact]) === Boolean((wanted as Meaning)[fact]),
      ),
  )!
}

/** A platform with its module and its quoting enclave: what is true of one is true of all, but configuration is the platform's. */
function together(platform: PlatformStatus, components: readonly ModuleStatus[]): Meaning {
  const all = [platform, ...components].map(status => meanings[status])
  return {
    ...meanings[platform],
    ...(all.some(({ revoked }) => revoked) && { revoked: true }),
    ...(all.some(({ old }) => old) && { old: true }),
  }
}

function expected(launch: Meaning, current: Meaning | undefined): string {
  const relaunchHelps = current && launch.old && !launch.revoked && !current.old && !current.revoked
  if (!relaunchHelps) return nameOf(launch)
  return launch.misconfigured || current.misconfigured ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised'
}

describe('every combination of statuses', () => {
  // A level for each status: the platform's by the third TDX component, the module's by its own SVN; every one with its date and advisory.
  const dated = <Status extends string>(part: string, status: Status, index: number) => ({
    status,
    tcbDate: `20${10 + index}-01-01T00:00:00Z`,
    advisories: [`${part}-${status}`],
  })
  const zeros = Array<number>(16).fill(0)
  const info: TcbInfo = {
    ...collateral.tcbInfo,
    levels: platformStatuses.map((status, index) => ({
      ...dated('platform', status, index),
      sgxComponents: zeros,
      tdxComponents: zeros.with(2, platformStatuses.length - index),
      pcesvn: 0,
    })),
    moduleIdentities: new Map([
      [
        'tdx_01',
        {
          ...collateral.tcbInfo.module,
          levels: componentStatuses.map((status, index) => ({
            ...dated('module', status, 7 + index),
            isvSvn: componentStatuses.length - index,
          })),
        },
      ],
    ]),
  }
  const qeLevels: readonly IsvLevel[] = componentStatuses.map((status, index) => ({ ...dated('qe', status, 10 + index), isvSvn: 0 }))
  const svnOf = (platform: PlatformStatus, module: ModuleStatus) => {
    const svn = new Uint8Array(16)
    svn[0] = componentStatuses.length - componentStatuses.indexOf(module)
    svn[1] = 1
    svn[2] = platformStatuses.length - platformStatuses.indexOf(platform)
    return svn
  }
  const sides = platformStatuses.flatMap(platform => componentStatuses.map(module => ({ platform, module })))

  test('of a TD 1.0 comes to what its parts say: 63 of them', () => {
    let count = 0
    for (const { platform, module } of sides) {
      for (const qe of qeLevels) {
        const quote = { ...quotes.td10, report: { ...quotes.td10.report, teeTcbSvn: svnOf(platform, module) } }
        const verdict = evaluateTcb(quote, pck, info, qe)
        const name = `${platform}, ${module}, ${qe.status}`
        expect(verdict.status, name).toBe(expected(together(platform, [module, qe.status]), undefined))
        expect(verdict, name).toMatchObject({ platform, module, qe: qe.status, current: undefined })
        expect([...verdict.advisories].sort(), name).toEqual([`module-${module}`, `platform-${platform}`, `qe-${qe.status}`])
        count += 1
      }
    }
    expect(count).toBe(63)
  })

  test('of a TD 1.5, at launch and now, comes to what its parts say: 1323 of them', () => {
    const seen = new Map<string, number>()
    for (const launch of sides) {
      for (const current of sides) {
        for (const qe of qeLevels) {
          const report = {
            ...quotes.td15.report,
            teeTcbSvn: svnOf(launch.platform, launch.module),
            teeTcbSvn2: svnOf(current.platform, current.module),
          }
          const verdict = evaluateTcb({ ...quotes.td15, report }, pck, info, qe)
          const name = `${launch.platform}, ${launch.module}, now ${current.platform}, ${current.module}, ${qe.status}`
          const status = expected(
            together(launch.platform, [launch.module, qe.status]),
            together(current.platform, [current.module, qe.status]),
          )
          expect(verdict.status, name).toBe(status)
          expect(verdict, name).toMatchObject({ ...launch, qe: qe.status, current })
          const parts = [info.levels, info.levels, ...Array(2).fill(info.moduleIdentities.get('tdx_01')!.levels), qeLevels] as (readonly (
            | PlatformLevel
            | IsvLevel
          )[])[]
          const statuses = [launch.platform, current.platform, launch.module, current.module, qe.status]
          const levels = parts.map((list, index) => list.find(level => level.status === statuses[index])!)
          expect(verdict.tcbDate, name).toBe(levels.map(level => level.tcbDate).reduce((a, b) => (Date.parse(a) < Date.parse(b) ? a : b)))
          expect(new Set(verdict.advisories), name).toEqual(new Set(levels.flatMap(level => level.advisories)))
          seen.set(status, (seen.get(status) ?? 0) + 1)
        }
      }
    }
    expect([...seen.values()].reduce((sum, number) => sum + number)).toBe(1323)
    // Every status that there is comes of some combination.
    expect([...seen.keys()].sort()).toEqual([...platformStatuses, 'TDRelaunchAdvised', 'TDRelaunchAdvisedConfigurationNeeded'].sort())
  })

  test('advises to launch anew only where that would help: never with an old quoting enclave, a revoked part, or a platform that is old now', () => {
    for (const launch of sides)
      for (const current of sides)
        for (const qe of qeLevels) {
          const report = {
            ...quotes.td15.report,
            teeTcbSvn: svnOf(launch.platform, launch.module),
            teeTcbSvn2: svnOf(current.platform, current.module),
          }
          const { status } = evaluateTcb({ ...quotes.td15, report }, pck, info, qe)
          if (!status.startsWith('TDRelaunch')) continue
          expect(qe.status).toBe('UpToDate')
          expect([launch.platform, launch.module, current.platform, current.module]).not.toContain('Revoked')
          expect([current.platform, current.module].filter(part => part.startsWith('OutOfDate'))).toEqual([])
        }
  })
})

describe('TCB info by chance', () => {
  // Small numbers, most of them no obstacle, so that levels match about as often as they miss by one.
  const sixteen = (one: fc.Arbitrary<number>) => fc.array(one, { minLength: 16, maxLength: 16 })
  const mostly = (usual: number, ...others: number[]) =>
    fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) })
  const small = fc.integer({ min: 0, max: 2 })
  const svns = fc.tuple(small, small, sixteen(mostly(2, 0, 1))).map(([minor, major, list]) => [minor, major, ...list.slice(2)])
  const level = fc.record({
    status: fc.constantFrom(...platformStatuses),
    tcbDate: fc.constantFrom('2023-01-01T00:00:00Z', '2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'),
    advisories: fc.subarray(['A', 'B', 'C']),
    sgxComponents: sixteen(mostly(0, 1)),
    tdxComponents: sixteen(mostly(0, 1, 2)),
    pcesvn: mostly(0, 1, 2),
  })
  const isvLevel = fc.record({
    status: fc.constantFrom(...componentStatuses),
    tcbDate: fc.constantFrom('2023-06-01T00:00:00Z', '2024-06-01T00:00:00Z'),
    advisories: fc.subarray(['C', 'D']),
    isvSvn: small,
  })
  const given = fc.record({
    levels: fc.array(level, { maxLength: 5 }),
    modules: fc.dictionary(fc.constantFrom('tdx_01', 'tdx_03'), fc.array(isvLevel, { maxLength: 3 })),
    components: sixteen(mostly(1, 0)),
    pcesvn: small,
    launch: svns,
    current: svns,
    td15: fc.boolean(),
    qe: isvLevel,
  })

  type Given = typeof given extends fc.Arbitrary<infer Value> ? Value : never

  /** The level of a side, by the rule as it is written down, or why there is none. */
  function sideOf(
    { levels, modules, components, pcesvn }: Given,
    svn: readonly number[],
  ): { platform: PlatformLevel; module?: IsvLevel } | string {
    const [minor, major] = svn as [number, number]
    let module: IsvLevel | undefined
    if (major > 0) {
      const own = modules[`tdx_0${major}`]
      if (!own) return 'module-mismatch'
      module = own.filter(candidate => minor >= candidate.isvSvn)[0]
      if (!module) return 'tcb-not-supported'
    }
    for (const candidate of levels) {
      let short = 0
      for (let index = 0; index < 16; index++) {
        if (components[index]! < candidate.sgxComponents[index]!) short += 1
        if (svn[index]! < candidate.tdxComponents[index]! && !(major > 0 && index <= 1)) short += 1
      }
      if (short === 0 && pcesvn >= candidate.pcesvn) return { platform: candidate, ...(module && { module }) }
    }
    return 'tcb-not-supported'
  }

  test('is judged as the rule says, level by level', () => {
    const ends = new Map<string, number>()
    fc.assert(
      fc.property(given, one => {
        const quote = one.td15 ? quotes.td15 : quotes.td10
        const report = {
          ...quote.report,
          teeTcbSvn: Uint8Array.from(one.launch),
          ...(one.td15 && { teeTcbSvn2: Uint8Array.from(one.current) }),
        }
        const info: TcbInfo = {
          ...collateral.tcbInfo,
          levels: one.levels,
          moduleIdentities: new Map(Object.entries(one.modules).map(([id, levels]) => [id, { ...collateral.tcbInfo.module, levels }])),
        }
        const facts = { ...pck, components: one.components, pcesvn: one.pcesvn }
        const end = judged(() => evaluateTcb({ ...quote, report }, facts, info, one.qe).status)
        const sides = [one.launch, ...(one.td15 ? [one.current] : [])].map(svn => sideOf(one, svn))
        const refused = sides.find(side => typeof side === 'string')
        const meaning = (side: Exclude<(typeof sides)[number], string>) =>
          together(side.platform.status, [side.module?.status ?? 'UpToDate', one.qe.status])
        const [launch, current] = sides.map(side => (typeof side === 'string' ? undefined : meaning(side)))
        expect(end).toBe(refused ?? expected(launch!, current))
        ends.set(end, (ends.get(end) ?? 0) + 1)
      }),
      { numRuns: 3000 },
    )
    // It came to refusals of both kinds, and to verdicts.
    expect(ends.get('module-mismatch')).toBeGreaterThan(20)
    expect(ends.get('tcb-not-supported')).toBeGreaterThan(20)
    expect([...ends.keys()].length).toBeGreaterThan(6)
  })
})

function judged(work: () => string): string {
  try {
    return work()
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}
