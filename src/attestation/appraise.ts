/** Is what was verified also what we want? Facts and keyset against a policy; every reason is named, not only the first. */
import type { Keyset } from './evidence.ts'
import type { Policy } from './policy.ts'
import type { Facts } from './tdx/verify.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
}

export interface Appraisal {
  readonly accepted: boolean
  /** One for each check that failed. */
  readonly reasons: readonly string[]
  readonly checks: readonly Check[]
}

/** TDATTRIBUTES bit 0: a host can read and change a TD under debug. No policy can allow it. */
const debugBit = 1

/** Judges facts, and the keyset bound to them, by a policy. A bare quote shows no keyset: then only a policy that asks for no software and no weights accepts it. */
export function appraise(facts: Facts, keyset: Keyset | undefined, policy: Policy): Appraisal {
  const checks: { name: string; ok: boolean; reason: string }[] = []
  const check = (name: string, ok: boolean, reason: string) => void checks.push({ name, ok, reason })
  const { report } = facts

  check(
    'TCB status is accepted',
    policy.tcb_statuses.some(status => status === facts.status),
    `the TCB status is ${facts.status}`,
  )
  const advisories = facts.advisories.filter(id => policy.rejected_advisories.includes(id))
  check('no advisory is rejected', advisories.length === 0, `advisories apply: ${advisories.join(', ')}`)
  check(
    'collateral is recent enough',
    facts.evaluationNumber >= policy.min_evaluation_number,
    `the evaluation number ${facts.evaluationNumber} is below ${policy.min_evaluation_number}`,
  )
  check('TD is not under debug', (report.tdAttributes[0]! & debugBit) === 0, 'the TD runs under DEBUG: its memory is open to the host')
  check(
    'TD attributes are accepted',
    matches(report.tdAttributes, policy.td_attributes),
    `the TD attributes are ${hex(report.tdAttributes)}`,
  )
  check('XFAM is accepted', matches(report.xfam, policy.xfam), `XFAM is ${hex(report.xfam)}`)
  const measured: [string, Uint8Array, readonly string[]][] = [
    ['MRSEAM', report.mrSeam, policy.mr_seam],
    ['MRSIGNERSEAM', report.mrSignerSeam, policy.mr_signer_seam],
    ['MRTD', report.mrTd, policy.mr_td],
    ['RTMR0', report.rtmr[0], policy.rtmr0],
    ['RTMR1', report.rtmr[1], policy.rtmr1],
    ['RTMR2', report.rtmr[2], policy.rtmr2],
    ['RTMR3', report.rtmr[3], policy.rtmr3],
    ['MRCONFIGID', report.mrConfigId, policy.mr_config_id],
    ['MROWNER', report.mrOwner, policy.mr_owner],
    ['MROWNERCONFIG', report.mrOwnerConfig, policy.mr_owner_config],
    ...(report.mrServiceTd ? [['MRSERVICETD', report.mrServiceTd, policy.mr_service_td] as [string, Uint8Array, readonly string[]]] : []),
  ]
  for (const [name, value, allowed] of measured)
    check(`${name} is in the policy`, allowed.includes(hex(value)), `${name} is ${hex(value)}, which is not in the policy`)
  check('platform is accepted', policy.fmspcs === 'any' || policy.fmspcs.includes(facts.fmspc), `the FMSPC is ${facts.fmspc}`)
  check('machine is accepted', policy.ppids === 'any' || policy.ppids.includes(facts.ppid), `the PPID is ${facts.ppid}`)
  const image = keyset?.software.image_digest
  check(
    'software image is accepted',
    policy.software_images === 'any' || (image !== undefined && policy.software_images.includes(image)),
    `the software image is ${image ?? 'not shown'}`,
  )
  if (!keyset)
    check('weights are accepted', policy.weights.digests === 'any' && policy.weights.allow_unmeasured, 'the weights are not shown')
  for (const { id, weights_digest } of keyset?.models ?? [])
    check(
      `weights of ${id} are accepted`,
      acceptsWeights(weights_digest, policy),
      `the weights of ${id} are ${weights_digest ?? 'not measured'}`,
    )

  const reasons = checks.filter(({ ok }) => !ok).map(({ reason }) => reason)
  return { accepted: reasons.length === 0, reasons, checks: checks.map(({ name, ok }) => ({ name, ok })) }
}

function acceptsWeights(digest: string | null, { weights }: Policy): boolean {
  if (digest === null) return weights.allow_unmeasured
  return weights.digests === 'any' || weights.digests.includes(digest)
}

function matches(bytes: Uint8Array, { mask, value }: { mask: string; value: string }): boolean {
  const masks = Buffer.from(mask, 'hex')
  const values = Buffer.from(value, 'hex')
  return bytes.every((byte, index) => ((byte ^ values[index]!) & masks[index]!) === 0)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
