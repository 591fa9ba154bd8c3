/**
 * Which security versions are accepted: of the platform, the TDX module and the quoting enclave together (Intel's merged
 * status), with how long an old one is put up with, and of how recent an evaluation.
 */
import { z } from 'zod'
import type { TcbPart } from '../tdx/tcb.ts'
import { platformStatuses } from '../tdx/tcb-info.ts'
import type { Facts } from '../tdx/verify.ts'
import { type Judgement, listOf } from './fields.ts'

const dayMs = 24 * 60 * 60 * 1000
const advisory = z.string().min(1)
/** Days after the date of the TCB level; 0 is no grace at all. */
const graceDays = z.union([z.literal('any'), z.int().min(0).max(36_500)])

export const tcbMembers = {
  tcb_statuses: listOf(
    z.enum([...platformStatuses.filter(status => status !== 'Revoked'), 'TDRelaunchAdvised', 'TDRelaunchAdvisedConfigurationNeeded']),
  ),
  /** Beside a tolerated status; the TDX module counts with the platform. */
  grace_days: z.strictObject({ platform: graceDays, qe: graceDays }),
  accepted_advisories: z.union(
    [z.enum(['any', 'none']), z.array(advisory).min(1, 'an empty allow-list accepts nothing; name an advisory, or say "none" or "any"')],
    'must be a list, "none" or "any"',
  ),
  rejected_advisories: z.array(advisory),
  min_evaluation_number: z.int().min(0),
}

type TcbRules = z.output<z.ZodObject<typeof tcbMembers>>

/** Judges the TCB of verified facts at `now` (ms). */
export function judgeTcb(facts: Facts, now: number, rules: TcbRules): Judgement[] {
  const unwanted = facts.advisories.filter(id => rules.rejected_advisories.includes(id))
  // Intel's merged status is that of the launch, unless launching anew would help: it says nothing of what was revoked since.
  const revoked = facts.parts.filter(part => part.status === 'Revoked')
  const unknown = facts.status === 'UpToDate' ? [] : facts.advisories.filter(id => !acceptsAdvisory(id, rules))
  return [
    {
      name: 'TCB status is accepted',
      ok: rules.tcb_statuses.some(status => status === facts.status),
      reason: `the TCB status is ${facts.status}`,
    },
    {
      name: 'no part of the TCB is revoked',
      ok: revoked.length === 0,
      reason: revoked.map(({ part }) => `the ${partNames[part]} is revoked`).join(', '),
    },
    grace('platform and TDX module are within their grace', facts.parts, part => part !== 'qe', rules.grace_days.platform, now),
    grace('quoting enclave is within its grace', facts.parts, part => part === 'qe', rules.grace_days.qe, now),
    {
      name: 'advisories of a tolerated status are accepted',
      ok: unknown.length === 0,
      reason: `advisories apply that the policy does not accept: ${unknown.join(', ')}`,
    },
    {
      name: 'no advisory is rejected',
      ok: unwanted.length === 0,
      reason: `advisories apply that the policy rejects: ${unwanted.join(', ')}`,
    },
    {
      name: 'collateral is recent enough',
      ok: facts.evaluationNumber >= rules.min_evaluation_number,
      reason: `the evaluation number ${facts.evaluationNumber} is below ${rules.min_evaluation_number}`,
    },
  ]
}

function acceptsAdvisory(id: string, { accepted_advisories: accepted }: TcbRules): boolean {
  return accepted === 'any' || (accepted !== 'none' && accepted.includes(id))
}

const partNames: Readonly<Record<TcbPart['part'], string>> = {
  platform: 'platform’s TCB',
  module: 'TDX module',
  'current-platform': 'platform’s present TCB',
  'current-module': 'present TDX module',
  qe: 'quoting enclave',
}

/** An out-of-date part is put up with for some days from the date of its TCB level on, and no longer. */
function grace(
  name: string,
  parts: readonly TcbPart[],
  concerns: (part: TcbPart['part']) => boolean,
  days: number | 'any',
  now: number,
): Judgement {
  const late = parts.filter(
    ({ part, status, tcbDate }) =>
      concerns(part) && status.startsWith('OutOfDate') && days !== 'any' && (days === 0 || now > Date.parse(tcbDate) + days * dayMs),
  )
  const told = late.map(({ part, tcbDate }) => `the ${partNames[part]} is out of date, of ${tcbDate.slice(0, 10)}`)
  return { name, ok: late.length === 0, reason: `${told.join(', ')}: the policy gives ${days} days of grace` }
}
