/** What the TD is: its attributes and features, and everything that was measured of it. */
import type { z } from 'zod'
import { toHex } from '../../lib/bytes.ts'
import type { TdReport } from '../tdx/td-report.ts'
import { attributeNames, bits, differences, featureNames } from './bits.ts'
import { judgeRtmr3, type ReplayedEvents, rtmr3Rule } from './events.ts'
import { hexOf, type Judgement, listOf } from './fields.ts'

const measurement = listOf(hexOf(48))

export const tdMembers = {
  td_attributes: bits,
  xfam: bits,
  mr_seam: measurement,
  mr_signer_seam: measurement,
  mr_td: measurement,
  rtmr0: measurement,
  rtmr1: measurement,
  rtmr2: measurement,
  rtmr3: rtmr3Rule,
  mr_config_id: measurement,
  mr_owner: measurement,
  mr_owner_config: measurement,
  /** Judged from TD 1.5 on: a TD 1.0 has no service TD. */
  mr_service_td: measurement,
}

type TdRules = z.output<z.ZodObject<typeof tdMembers>>

/** TDATTRIBUTES bit 0: a host can read and change a TD under debug. No policy can allow it. */
const debugBit = 1

/** Judges a verified TD report, with what its event log was found to say. */
export function judgeTd(report: TdReport, replayed: ReplayedEvents | undefined, rules: TdRules): Judgement[] {
  const attributes = differences(report.tdAttributes, rules.td_attributes, attributeNames)
  const features = differences(report.xfam, rules.xfam, featureNames)
  return [
    {
      name: 'TD is not under debug',
      ok: (report.tdAttributes[0]! & debugBit) === 0,
      reason: 'the TD runs under DEBUG: its memory is open to the host',
    },
    { name: 'TD attributes are accepted', ok: attributes.length === 0, reason: `TD attributes: ${attributes.join(', ')}` },
    { name: 'XFAM is accepted', ok: features.length === 0, reason: `XFAM: ${features.join(', ')}` },
    ...measurements(report, rules).map(([name, value, allowed]) => ({
      name: `${name} is in the policy`,
      ok: allowed.includes(toHex(value)),
      reason: `${name} is ${toHex(value)}, which is not in the policy`,
    })),
    ...judgeRtmr3(report.rtmr[3], replayed, rules.rtmr3),
  ]
}

function measurements(report: TdReport, rules: TdRules): (readonly [name: string, value: Uint8Array, allowed: readonly string[]])[] {
  const always = [
    ['MRSEAM', report.mrSeam, rules.mr_seam],
    ['MRSIGNERSEAM', report.mrSignerSeam, rules.mr_signer_seam],
    ['MRTD', report.mrTd, rules.mr_td],
    ['RTMR0', report.rtmr[0], rules.rtmr0],
    ['RTMR1', report.rtmr[1], rules.rtmr1],
    ['RTMR2', report.rtmr[2], rules.rtmr2],
    ['MRCONFIGID', report.mrConfigId, rules.mr_config_id],
    ['MROWNER', report.mrOwner, rules.mr_owner],
    ['MROWNERCONFIG', report.mrOwnerConfig, rules.mr_owner_config],
  ] as const
  return report.mrServiceTd ? [...always, ['MRSERVICETD', report.mrServiceTd, rules.mr_service_td]] : [...always]
}
