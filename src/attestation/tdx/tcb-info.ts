/** TCB info v3 (id "TDX") and QE identity v2 (id "TD_QE") as data: every member that is used is checked, unknown ones are passed over. */
import { AttestationError } from '../errors.ts'
import type { Json } from './json.ts'

/** Intel's statuses of a platform's TCB level. */
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
/** Statuses of the TDX module and the quoting enclave. */
export const moduleStatuses = ['UpToDate', 'OutOfDate', 'Revoked'] as const
export type ModuleStatus = (typeof moduleStatuses)[number]

interface Level<Status> {
  readonly status: Status
  /** RFC 3339. */
  readonly tcbDate: string
  readonly advisories: readonly string[]
}

export interface PlatformLevel extends Level<PlatformStatus> {
  readonly sgxComponents: readonly number[]
  readonly tdxComponents: readonly number[]
  readonly pcesvn: number
}

export interface IsvLevel extends Level<ModuleStatus> {
  readonly isvSvn: number
}

export interface ModuleIdentity {
  readonly mrSigner: string
  readonly attributes: string
  readonly attributesMask: string
}

export interface TcbInfo {
  readonly issueDate: number
  readonly nextUpdate: number
  readonly evaluationNumber: number
  readonly fmspc: string
  readonly pceId: string
  readonly module: ModuleIdentity
  /** By id in lowercase, such as `tdx_03`. */
  readonly moduleIdentities: ReadonlyMap<string, ModuleIdentity & { readonly levels: readonly IsvLevel[] }>
  readonly levels: readonly PlatformLevel[]
}

export interface QeIdentity {
  readonly issueDate: number
  readonly nextUpdate: number
  readonly evaluationNumber: number
  readonly miscSelect: string
  readonly miscSelectMask: string
  readonly attributes: string
  readonly attributesMask: string
  readonly mrSigner: string
  readonly isvProdId: number
  readonly levels: readonly IsvLevel[]
}

const maxLevels = 64

/** Reads the inner object of TCB info. Throws {@link AttestationError} `collateral-malformed`. */
export function readTcbInfo(json: Json | undefined): TcbInfo {
  const info = object(json, 'tcbInfo')
  if (info.id !== 'TDX' || info.version !== 3) throw malformed('not TCB info v3 of TDX')
  const identities = info.tdxModuleIdentities === undefined ? [] : array(info.tdxModuleIdentities, 'tdxModuleIdentities')
  const moduleIdentities = new Map<string, ModuleIdentity & { levels: readonly IsvLevel[] }>()
  for (const item of identities) {
    const identity = object(item, 'tdxModuleIdentities')
    const id = string(identity.id, 'id').toLowerCase()
    if (moduleIdentities.has(id)) throw malformed(`the module identity ${id} stands twice`)
    moduleIdentities.set(id, { ...moduleIdentity(identity), levels: isvLevels(identity.tcbLevels) })
  }
  return {
    issueDate: date(info.issueDate, 'issueDate'),
    nextUpdate: date(info.nextUpdate, 'nextUpdate'),
    evaluationNumber: whole(info.tcbEvaluationDataNumber, 'tcbEvaluationDataNumber', 1e6),
    fmspc: hex(info.fmspc, 6, 'fmspc'),
    pceId: hex(info.pceId, 2, 'pceId'),
    module: moduleIdentity(object(info.tdxModule, 'tdxModule')),
    moduleIdentities,
    levels: array(info.tcbLevels, 'tcbLevels').map(platformLevel),
  }
}

/** Reads the inner object of a QE identity. Throws {@link AttestationError} `collateral-malformed`. */
export function readQeIdentity(json: Json | undefined): QeIdentity {
  const identity = object(json, 'enclaveIdentity')
  if (identity.id !== 'TD_QE' || identity.version !== 2) throw malformed('not a TD_QE identity v2')
  return {
    issueDate: date(identity.issueDate, 'issueDate'),
    nextUpdate: date(identity.nextUpdate, 'nextUpdate'),
    evaluationNumber: whole(identity.tcbEvaluationDataNumber, 'tcbEvaluationDataNumber', 1e6),
    miscSelect: hex(identity.miscselect, 4, 'miscselect'),
    miscSelectMask: hex(identity.miscselectMask, 4, 'miscselectMask'),
    attributes: hex(identity.attributes, 16, 'attributes'),
    attributesMask: hex(identity.attributesMask, 16, 'attributesMask'),
    mrSigner: hex(identity.mrsigner, 32, 'mrsigner'),
    isvProdId: whole(identity.isvprodid, 'isvprodid', 65_535),
    levels: isvLevels(identity.tcbLevels),
  }
}

function moduleIdentity(value: Record<string, Json>): ModuleIdentity {
  return {
    mrSigner: hex(value.mrsigner, 48, 'mrsigner'),
    attributes: hex(value.attributes, 8, 'attributes'),
    attributesMask: hex(value.attributesMask, 8, 'attributesMask'),
  }
}

function platformLevel(item: Json): PlatformLevel {
  const level = object(item, 'tcbLevels')
  const tcb = object(level.tcb, 'tcb')
  return {
    ...levelFacts(level, platformStatuses),
    sgxComponents: components(tcb.sgxtcbcomponents),
    tdxComponents: components(tcb.tdxtcbcomponents),
    pcesvn: whole(tcb.pcesvn, 'pcesvn', 65_535),
  }
}

function isvLevels(value: Json | undefined): IsvLevel[] {
  return array(value, 'tcbLevels').map(item => {
    const level = object(item, 'tcbLevels')
    return { ...levelFacts(level, moduleStatuses), isvSvn: whole(object(level.tcb, 'tcb').isvsvn, 'isvsvn', 65_535) }
  })
}

function levelFacts<Status extends string>(level: Record<string, Json>, statuses: readonly Status[]): Level<Status> {
  const status = string(level.tcbStatus, 'tcbStatus')
  const known = statuses.find(candidate => candidate === status)
  if (!known) throw malformed('a TCB status that is not known')
  const tcbDate = string(level.tcbDate, 'tcbDate')
  date(tcbDate, 'tcbDate')
  const advisories = level.advisoryIDs === undefined ? [] : array(level.advisoryIDs, 'advisoryIDs').map(id => string(id, 'advisoryIDs'))
  return { status: known, tcbDate, advisories }
}

function components(value: Json | undefined): number[] {
  const items = array(value, 'tcbcomponents').map(item => whole(object(item, 'tcbcomponents').svn, 'svn', 255))
  if (items.length !== 16) throw malformed('not sixteen TCB components')
  return items
}

function object(value: Json | undefined, name: string): Record<string, Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${name} is not an object`)
  return value
}

function array(value: Json | undefined, name: string): Json[] {
  if (!Array.isArray(value) || value.length > maxLevels) throw malformed(`${name} is not a list of at most ${maxLevels}`)
  return value
}

function string(value: Json | undefined, name: string): string {
  if (typeof value !== 'string') throw malformed(`${name} is not a string`)
  return value
}

function whole(value: Json | undefined, name: string, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most)
    throw malformed(`${name} is not a whole number up to ${most}`)
  return value
}

/** Hex of either case, of exactly `size` bytes, as lowercase. */
function hex(value: Json | undefined, size: number, name: string): string {
  const text = string(value, name)
  if (text.length !== 2 * size || !/^[0-9a-fA-F]*$/.test(text)) throw malformed(`${name} is not ${size} bytes in hex`)
  return text.toLowerCase()
}

/** A time in Intel's one form, as ms since the epoch. */
function date(value: Json | undefined, name: string): number {
  const text = string(value, name)
  const at = Date.parse(text)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) || Number.isNaN(at) || new Date(at).toISOString().slice(0, 19) !== text.slice(0, 19))
    throw malformed(`${name} is not a time`)
  return at
}

function malformed(why: string): AttestationError {
  return new AttestationError('collateral-malformed', `collateral that cannot be read: ${why}`)
}
