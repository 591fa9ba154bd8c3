/**
 * TCB evaluation by Intel's rule (DCAP quote verification library): the platform's level, the TDX module's, the quoting
 * enclave's, and how they converge into one status.
 */
import { AttestationError } from '../errors.ts'
import { fromHex, isZero, toHex } from './bytes.ts'
import type { QeReport, Quote } from './quote.ts'
import type { PckFacts } from './sgx-extension.ts'
import type { IsvLevel, ModuleIdentity, ModuleStatus, PlatformLevel, PlatformStatus, QeIdentity, TcbInfo } from './tcb-info.ts'

/** The merged status: a platform's, or one of the two that advise to launch the TD anew. */
export type TcbStatus = PlatformStatus | 'TDRelaunchAdvised' | 'TDRelaunchAdvisedConfigurationNeeded'

/** One part of a TCB and the level that it has. The quoting enclave is one at launch and now. */
export interface TcbPart {
  readonly part: 'platform' | 'module' | 'current-platform' | 'current-module' | 'qe'
  readonly status: PlatformStatus
  /** RFC 3339. */
  readonly tcbDate: string
  readonly advisories: readonly string[]
}

export interface TcbVerdict {
  /** All parts in one. */
  readonly status: TcbStatus
  /** Of the platform and the TDX module when the TD was launched; the base module has no levels and counts as up to date. */
  readonly platform: PlatformStatus
  readonly module: ModuleStatus
  readonly qe: ModuleStatus
  /** From TD 1.5 on: platform and module as they are now. */
  readonly current: { readonly platform: PlatformStatus; readonly module: ModuleStatus } | undefined
  /** Of every part, at launch and now, each once. */
  readonly advisories: readonly string[]
  /** The oldest of all parts, RFC 3339. */
  readonly tcbDate: string
  /** Every part that has a level. */
  readonly parts: readonly TcbPart[]
}

/** Evaluates the TCB of a quote whose signatures were all checked. Throws `tcb-not-supported`, `module-mismatch`. */
export function evaluateTcb(quote: Quote, pck: PckFacts, info: TcbInfo, qe: IsvLevel): TcbVerdict {
  const { teeTcbSvn, teeTcbSvn2 } = quote.report
  const launch = evaluateAt(teeTcbSvn, quote, pck, info)
  // From TD 1.5 on a quote tells its TCB at launch and now; a TD that is only old itself is told to launch anew.
  const current = teeTcbSvn2 && evaluateAt(teeTcbSvn2, quote, pck, info)
  const atLaunch = converge(launch, qe)
  const parts = [
    ...part('platform', launch.platform),
    ...part('module', launch.module),
    ...part('current-platform', current?.platform),
    ...part('current-module', current?.module),
    ...part('qe', qe),
  ]
  return {
    status: current ? relaunch(atLaunch, converge(current, qe)) : atLaunch,
    ...statuses(launch),
    qe: qe.status,
    current: current && statuses(current),
    advisories: [...new Set(parts.flatMap(part => part.advisories))],
    tcbDate: parts.map(part => part.tcbDate).sort()[0]!,
    parts,
  }
}

function part(name: TcbPart['part'], level: PlatformLevel | IsvLevel | undefined): TcbPart[] {
  return level ? [{ part: name, status: level.status, tcbDate: level.tcbDate, advisories: level.advisories }] : []
}

interface Evaluated {
  readonly platform: PlatformLevel
  readonly module: IsvLevel | undefined
}

function evaluateAt(svn: Uint8Array, quote: Quote, pck: PckFacts, info: TcbInfo): Evaluated {
  const module = moduleLevel(svn, quote, info)
  // With a module of its own identity, components 0 and 1 are the module's and not the platform's.
  const from = svn[1]! > 0 ? 2 : 0
  const platform = info.levels.find(
    level =>
      level.sgxComponents.every((least, index) => pck.components[index]! >= least) &&
      pck.pcesvn >= level.pcesvn &&
      level.tdxComponents.every((least, index) => index < from || svn[index]! >= least),
  )
  if (!platform) throw new AttestationError('tcb-not-supported', 'no TCB level matches this platform')
  return { platform, module }
}

/** The identity of the TDX module that the SVN names, checked, and its level; the base module has no levels of its own. */
function moduleLevel(svn: Uint8Array, quote: Quote, info: TcbInfo): IsvLevel | undefined {
  const major = svn[1]!
  if (major === 0) {
    checkModule(quote, info.module)
    return undefined
  }
  const id = `tdx_${major.toString(16).padStart(2, '0')}`
  const identity = info.moduleIdentities.get(id)
  if (!identity) throw new AttestationError('module-mismatch', `TCB info knows no TDX module ${id.toUpperCase()}`)
  checkModule(quote, identity)
  const level = identity.levels.find(candidate => candidate.isvSvn <= svn[0]!)
  if (!level) throw new AttestationError('tcb-not-supported', 'no TCB level matches the TDX module')
  return level
}

function checkModule({ report }: Quote, identity: ModuleIdentity): void {
  if (toHex(report.mrSignerSeam) !== identity.mrSigner) throw new AttestationError('module-mismatch', 'the TDX module has another signer')
  if (!isZero(report.seamAttributes) || masked(report.seamAttributes, identity.attributesMask) !== identity.attributes)
    throw new AttestationError('module-mismatch', 'the TDX module has other attributes')
}

function converge({ platform, module }: Evaluated, qe: IsvLevel): PlatformStatus {
  const parts = [module?.status ?? 'UpToDate', qe.status]
  if (platform.status === 'Revoked' || parts.includes('Revoked')) return 'Revoked'
  if (!parts.includes('OutOfDate')) return platform.status
  if (platform.status === 'UpToDate' || platform.status === 'SWHardeningNeeded') return 'OutOfDate'
  if (platform.status === 'ConfigurationNeeded' || platform.status === 'ConfigurationAndSWHardeningNeeded')
    return 'OutOfDateConfigurationNeeded'
  return platform.status
}

function relaunch(launch: PlatformStatus, current: PlatformStatus): TcbStatus {
  if (launch !== 'OutOfDate' && launch !== 'OutOfDateConfigurationNeeded') return launch
  if (current === 'UpToDate' || current === 'SWHardeningNeeded')
    return launch === 'OutOfDate' ? 'TDRelaunchAdvised' : 'TDRelaunchAdvisedConfigurationNeeded'
  if (current === 'ConfigurationNeeded' || current === 'ConfigurationAndSWHardeningNeeded') return 'TDRelaunchAdvisedConfigurationNeeded'
  return launch
}

function statuses({ platform, module }: Evaluated): { platform: PlatformStatus; module: ModuleStatus } {
  return { platform: platform.status, module: module?.status ?? 'UpToDate' }
}

/** The quoting enclave against its identity; its TCB level. Throws `qe-identity-mismatch` or `tcb-not-supported`. */
export function matchQe(report: QeReport, identity: QeIdentity): IsvLevel {
  const mismatch = (what: string) =>
    new AttestationError('qe-identity-mismatch', `the quoting enclave has another ${what} than its identity`)
  if (masked(report.miscSelect, identity.miscSelectMask, true) !== identity.miscSelect) throw mismatch('MISCSELECT')
  if (masked(report.attributes, identity.attributesMask) !== identity.attributes) throw mismatch('ATTRIBUTES')
  if (toHex(report.mrSigner) !== identity.mrSigner) throw mismatch('MRSIGNER')
  if (report.isvProdId !== identity.isvProdId) throw mismatch('ISVPRODID')
  const level = identity.levels.find(candidate => candidate.isvSvn <= report.isvSvn)
  if (!level) throw new AttestationError('tcb-not-supported', 'no TCB level matches the quoting enclave')
  return level
}

/** `bytes` under a mask in hex. MISCSELECT is an integer: little-endian in the report, big-endian in the identity. */
function masked(bytes: Uint8Array, mask: string, reversed = false): string {
  const value = reversed ? bytes.toReversed() : bytes
  const bits = fromHex(mask)
  return toHex(value.map((byte, index) => byte & bits[index]!))
}
