/** Whether evidence has to be over a nonce of ours, or may be of a system that has no place for one: named, one by one. */
import { z } from 'zod'
import type { Judgement } from './fields.ts'

export const freshnessMembers = {
  freshness: z.union(
    [
      z.literal('required'),
      z.strictObject({
        without_nonce: z
          .array(z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be the name of an evidence format'))
          .min(1, 'an empty allow-list accepts nothing; name a format, or say "required"'),
      }),
    ],
    'must be "required", or name the formats that need no nonce',
  ),
}

type FreshnessRules = z.output<z.ZodObject<typeof freshnessMembers>>

/** `our-nonce`: the quote is over a nonce that we drew for it. Else the format of the evidence, which has none. */
export type Freshness = 'our-nonce' | { readonly withoutNonce: string }

/** Judges how fresh evidence is. */
export function judgeFreshness(freshness: Freshness, rules: FreshnessRules): Judgement {
  const format = freshness === 'our-nonce' ? undefined : freshness.withoutNonce
  return {
    name: 'evidence is fresh',
    ok: format === undefined || (rules.freshness !== 'required' && rules.freshness.without_nonce.includes(format)),
    reason: `the evidence is not over a nonce of ours (${format})`,
  }
}
