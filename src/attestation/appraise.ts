/** Is what was verified also what we want? Facts, and what came with them, against a policy; every reason is named, not only the first. */
import type { Check } from './errors.ts'
import type { Keyset } from './evidence.ts'
import type { ReplayedEvents } from './policy/events.ts'
import type { Judgement } from './policy/fields.ts'
import { type Freshness, judgeFreshness } from './policy/freshness.ts'
import { judgeGpu, type ShownGpus } from './policy/gpu.ts'
import { judgePlatform } from './policy/platform.ts'
import { judgeSoftware } from './policy/software.ts'
import { judgeTcb } from './policy/tcb.ts'
import { judgeTd } from './policy/td.ts'
import type { Policy } from './policy.ts'
import type { Facts } from './tdx/verify.ts'

/** What is judged. */
export interface Subject {
  readonly facts: Facts
  /** Bound to the quote; undefined for a bare quote, which shows none. */
  readonly keyset: Pick<Keyset, 'software' | 'models'> | undefined
  /** Undefined for a bare quote: who judges one has asked nobody for it, and knows that it may be a copy. */
  readonly freshness: Freshness | undefined
  /** Undefined where no event log was shown. */
  readonly replayed?: ReplayedEvents | undefined
  /** Undefined where no GPU evidence was shown, or none was verified. */
  readonly gpus?: ShownGpus | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface Appraisal {
  readonly accepted: boolean
  /** One for each check that failed. */
  readonly reasons: readonly string[]
  readonly checks: readonly Check[]
}

/** Judges a subject by a policy. Decides nothing but acceptance, and throws nothing. */
export function appraise({ facts, keyset, freshness, replayed, gpus, now }: Subject, policy: Policy): Appraisal {
  return sumUp([
    ...(freshness === undefined ? [] : [judgeFreshness(freshness, policy)]),
    ...judgeTcb(facts, now, policy),
    ...judgeTd(facts.report, replayed, policy),
    ...judgePlatform(facts, policy),
    ...judgeGpu(gpus, policy),
    ...judgeSoftware(keyset, policy),
  ])
}

function sumUp(judgements: readonly Judgement[]): Appraisal {
  const reasons = judgements.filter(({ ok }) => !ok).map(({ reason }) => reason)
  return { accepted: reasons.length === 0, reasons, checks: judgements.map(({ name, ok }) => ({ name, ok })) }
}
