/**
 * TCB info (version 3, TDX) and TD QE identity (version 2) in the members, order and spelling of Intel's PCS v4, for the
 * development platform. The TCB levels are made so that every status can be reached by the quote alone: see {@link teeTcbSvnFor}.
 */
import { type KeyObject, sign } from 'node:crypto'
import { toHex } from '../lib/bytes.ts'
import { developmentTeeTcbSvn } from './td-report.ts'

/** Platform statuses of Intel's TCB levels, best first. */
export const platformStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type PlatformStatus = (typeof platformStatuses)[number]

export interface TcbComponent {
  readonly svn: number
  readonly category?: string
  readonly type?: string
}

export interface PlatformTcbLevel {
  readonly tcb: {
    readonly sgxtcbcomponents: readonly TcbComponent[]
    readonly pcesvn: number
    readonly tdxtcbcomponents: readonly TcbComponent[]
  }
  readonly tcbDate: string
  readonly tcbStatus: string
  readonly advisoryIDs?: readonly string[]
}

/** A level of a TDX module or of the quoting enclave. */
export interface EnclaveTcbLevel {
  readonly tcb: { readonly isvsvn: number }
  readonly tcbDate: string
  readonly tcbStatus: string
  readonly advisoryIDs?: readonly string[]
}

export interface TcbInfo {
  readonly id: string
  readonly version: number
  readonly issueDate: string
  readonly nextUpdate: string
  readonly fmspc: string
  readonly pceId: string
  readonly tcbType: number
  readonly tcbEvaluationDataNumber: number
  readonly tdxModule?: { readonly mrsigner: string; readonly attributes: string; readonly attributesMask: string }
  readonly tdxModuleIdentities?: readonly {
    readonly id: string
    readonly mrsigner: string
    readonly attributes: string
    readonly attributesMask: string
    readonly tcbLevels: readonly EnclaveTcbLevel[]
  }[]
  readonly tcbLevels: readonly PlatformTcbLevel[]
}

export interface QeIdentity {
  readonly id: string
  readonly version: number
  readonly issueDate: string
  readonly nextUpdate: string
  readonly tcbEvaluationDataNumber: number
  readonly miscselect: string
  readonly miscselectMask: string
  readonly attributes: string
  readonly attributesMask: string
  readonly mrsigner: string
  readonly isvprodid: number
  readonly tcbLevels: readonly EnclaveTcbLevel[]
}

/** A document before it is signed. */
export interface SignedDocument<Body> {
  readonly body: Body
  /** The exact bytes to sign, in place of what `body` serialises to: for spellings that no serialiser makes. */
  readonly text?: string
  readonly key: KeyObject
}

/** `{"MEMBER":…,"signature":hex}`: the signature is over the exact bytes of the inner document. */
export function signedDocument(member: string, { body, text = JSON.stringify(body), key }: SignedDocument<unknown>): string {
  const signature = sign('sha256', Buffer.from(text, 'utf8'), { key, dsaEncoding: 'ieee-p1363' })
  return `{"${member}":${text},"signature":"${toHex(signature)}"}`
}

/** A document's window, in milliseconds. */
export interface Window {
  readonly from: number
  readonly until: number
}

/** What the development documents say of the platform that the PCK certificate describes. */
export interface Platform {
  readonly fmspc: Uint8Array
  readonly pceId: Uint8Array
  readonly tcbComponents: readonly number[]
  readonly pceSvn: number
}

/** The evaluation that the development documents stand for; both name the same one. */
export const developmentEvaluationDataNumber = 20

const upToDateModuleSvn = developmentTeeTcbSvn[0]!

/** Version of the TDX late microcode update (TEE_TCB_SVN[2]) that each status needs; 0 is below every level. */
const microcodeSvn = (status: PlatformStatus) => platformStatuses.length - platformStatuses.indexOf(status)

/**
 * A TEE_TCB_SVN at which the development TCB info gives the platform `status`, or no status at all for `undefined`. `moduleSvn`
 * chooses the TDX module's: 5 is up to date, 4 out of date, 3 revoked, less has no level.
 */
export function teeTcbSvnFor(status: PlatformStatus | undefined, moduleSvn = upToDateModuleSvn): Buffer {
  const svn = Buffer.from(developmentTeeTcbSvn)
  svn[0] = moduleSvn
  svn[2] = status === undefined ? 0 : microcodeSvn(status)
  return svn
}

/** TCB info of the development platform. */
export function developmentTcbInfo(platform: Platform, window: Window): TcbInfo {
  const module = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
  return {
    id: 'TDX',
    version: 3,
    ...dates(window),
    fmspc: upperHex(platform.fmspc),
    pceId: upperHex(platform.pceId),
    tcbType: 0,
    tcbEvaluationDataNumber: developmentEvaluationDataNumber,
    tdxModule: module,
    tdxModuleIdentities: [
      { id: 'TDX_03', ...module, tcbLevels: enclaveLevels(upToDateModuleSvn) },
      { id: 'TDX_01', ...module, tcbLevels: enclaveLevels(upToDateModuleSvn) },
    ],
    tcbLevels: platformStatuses.map(status => ({
      tcb: {
        sgxtcbcomponents: platform.tcbComponents.map(svn => ({ svn })),
        pcesvn: platform.pceSvn,
        tdxtcbcomponents: tdxComponents(status),
      },
      ...verdict(status),
    })),
  }
}

function tdxComponents(status: PlatformStatus): TcbComponent[] {
  const named: TcbComponent[] = [
    // As in Intel's: the module's version of the day, which counts here for module 1.0 only. For later ones (TEE_TCB_SVN[1] > 0)
    // the module identities judge, and a verifier starts at the third component.
    { svn: upToDateModuleSvn, category: 'OS/VMM', type: 'TDX Module' },
    { svn: 0, category: 'OS/VMM', type: 'TDX Module' },
    { svn: microcodeSvn(status), category: 'OS/VMM', type: 'TDX Late Microcode Update' },
  ]
  return [...named, ...Array.from({ length: 13 }, () => ({ svn: 0 }))]
}

/** What the development quoting enclave is, in the terms of its identity. */
export interface QeMeasurements {
  readonly miscSelect: number
  readonly attributes: Uint8Array
  readonly mrSigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
}

/** As Intel's: MODE64BIT (bit 2) and XFRM (the last eight bytes) are the machine's own business. */
const qeAttributesMask = Buffer.from('fbffffffffffffff0000000000000000', 'hex')

/** Identity of the development quoting enclave: its own version is up to date, one below out of date, two below revoked. */
export function developmentQeIdentity(qe: QeMeasurements, window: Window): QeIdentity {
  return {
    id: 'TD_QE',
    version: 2,
    ...dates(window),
    tcbEvaluationDataNumber: developmentEvaluationDataNumber,
    miscselect: qe.miscSelect.toString(16).padStart(8, '0').toUpperCase(),
    miscselectMask: 'FFFFFFFF',
    // Already masked: Intel's verifier masks the report's attributes only, and compares.
    attributes: upperHex(qe.attributes.map((byte, index) => byte & qeAttributesMask[index]!)),
    attributesMask: upperHex(qeAttributesMask),
    mrsigner: upperHex(qe.mrSigner),
    isvprodid: qe.isvProdId,
    tcbLevels: enclaveLevels(qe.isvSvn),
  }
}

function enclaveLevels(isvsvn: number): EnclaveTcbLevel[] {
  return [
    { tcb: { isvsvn }, ...verdict('UpToDate') },
    { tcb: { isvsvn: isvsvn - 1 }, ...verdict('OutOfDate') },
    { tcb: { isvsvn: isvsvn - 2 }, ...verdict('Revoked') },
  ]
}

function verdict(status: PlatformStatus): { tcbDate: string; tcbStatus: string; advisoryIDs?: string[] } {
  if (status === 'UpToDate') return { tcbDate: '2025-08-13T00:00:00Z', tcbStatus: status }
  const tcbDate = status.startsWith('OutOfDate')
    ? '2024-03-13T00:00:00Z'
    : status === 'Revoked'
      ? '2018-01-04T00:00:00Z'
      : '2025-08-13T00:00:00Z'
  return { tcbDate, tcbStatus: status, advisoryIDs: [`CHRYSALIS-DEV-${status}`] }
}

const dates = ({ from, until }: Window) => ({ issueDate: rfc3339(from), nextUpdate: rfc3339(until) })

/** The one form of time that Intel's documents use: UTC, whole seconds. */
export function rfc3339(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

function upperHex(bytes: Uint8Array): string {
  return toHex(bytes).toUpperCase()
}
