/** A good worker and a policy that accepts it, for tests that change one thing of either. */
import {
  appraise,
  developmentPolicy,
  type Facts,
  type Freshness,
  type Keyset,
  type Policy,
  type ReplayedEvents,
} from '../../../src/attestation/index.ts'
import { developmentMeasurements, type QuoteRequest } from '../../../src/tee/index.ts'
import { goodKeyset, judge, now } from './sample.ts'

export const goodPolicy = developmentPolicy(developmentMeasurements)
/** Of a TD 1.5, as it was really verified. */
export const goodFacts = judge({ request: { version: 5 } })

export interface Change {
  readonly facts?: Facts
  /** `null`: a bare quote. */
  readonly keyset?: Keyset | null
  readonly policy?: Partial<Policy>
  readonly freshness?: Freshness
  readonly replayed?: ReplayedEvents
  readonly at?: number
}

export function appraisal({ facts = goodFacts, keyset = goodKeyset, policy, freshness = 'our-nonce', replayed, at = now }: Change) {
  return appraise({ facts, keyset: keyset ?? undefined, freshness, replayed, now: at }, { ...goodPolicy, ...policy })
}

/** Why the good worker, with this change, is refused; nothing where it is accepted. */
export const reasons = (change: Change) => appraisal(change).reasons

/** The facts of a TD with another report body. */
export const td = (body: NonNullable<QuoteRequest['body']>, version: 4 | 5 = 5) => judge({ request: { version, body } })
