/** The policy that the development mode writes for its own workers, and how it knows one of its own again. */
import { isDeepStrictEqual } from 'node:util'
import { asVersion1, type Policy, parsePolicy, policyVersion } from './policy.ts'

/** Measurements of a TD, named as its report's fields. */
export interface NamedMeasurements {
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly mrTd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly mrServiceTd: Uint8Array
  readonly rtMr0: Uint8Array
  readonly rtMr1: Uint8Array
  readonly rtMr2: Uint8Array
  readonly rtMr3: Uint8Array
}

/** A policy that accepts exactly these measurements, any software image and any weights: for the development mode, as a start to edit. */
export function developmentPolicy(measurements: NamedMeasurements): Policy {
  const only = (value: Uint8Array) => [Buffer.from(value).toString('hex')]
  return parsePolicy({
    version: policyVersion,
    freshness: 'required',
    tcb_statuses: ['UpToDate'],
    grace_days: { platform: 0, qe: 0 },
    accepted_advisories: 'none',
    rejected_advisories: [],
    min_evaluation_number: 0,
    // DEBUG and every reserved, PKS, KL and PERFMON bit 0; SEPT_VE_DISABLE 1.
    td_attributes: { mask: 'ffffffffffffffff', value: '0000001000000000' },
    // x87 and SSE on, as every TD has them.
    xfam: { mask: '0300000000000000', value: '0300000000000000' },
    mr_seam: only(measurements.mrSeam),
    mr_signer_seam: only(measurements.mrSignerSeam),
    mr_td: only(measurements.mrTd),
    rtmr0: only(measurements.rtMr0),
    rtmr1: only(measurements.rtMr1),
    rtmr2: only(measurements.rtMr2),
    rtmr3: only(measurements.rtMr3),
    mr_config_id: only(measurements.mrConfigId),
    mr_owner: only(measurements.mrOwner),
    mr_owner_config: only(measurements.mrOwnerConfig),
    mr_service_td: only(measurements.mrServiceTd),
    sgx_types: 'any',
    dynamic_platform: 'any',
    cached_keys: 'any',
    smt_enabled: 'any',
    fmspcs: 'any',
    ppids: 'any',
    software_images: 'any',
    weights: { digests: 'any', allow_unmeasured: true },
    gpu: 'any',
  })
}

/** Whether `json` is what version 1 of the development mode wrote, and nobody changed: it can be written anew without taking a decision from anybody. */
export function isOlderDevelopmentPolicy(json: unknown, own: Policy): boolean {
  const members = Object.entries(own).filter(([name]) => !Object.hasOwn(asVersion1, name))
  return isDeepStrictEqual(json, { ...Object.fromEntries(members), version: 1 })
}
