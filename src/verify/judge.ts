/** The steps from bytes to a verdict, each of which either holds or ends the way. Pure: no file, no network, no clock. */
import {
  type Appraisal,
  AttestationError,
  appraise,
  type Check,
  type Collateral,
  type Facts,
  type ForeignEvidence,
  type GpuFacts,
  type Keyset,
  type Policy,
  type ProxyStatement,
  parseQuote,
  type ReplayedLog,
  verifyQuote,
} from '../attestation/index.ts'
import { failedVerdict, type NotVerified, type Verified, verifiedVerdict } from './verdict.ts'

/** A verdict, and what a person wants to see beside it. */
export type Judged =
  | {
      readonly verdict: Verified
      readonly facts: Facts
      readonly appraisal: Appraisal | undefined
      /** The keys that the quote vouches for, and what they serve; none with a bare quote. */
      readonly keyset?: Keyset
      /** The keys of a proxy that the quote vouches for. */
      readonly statement?: ProxyStatement
      /** The connection that was asked over ends at that proxy's TLS key. */
      readonly endsInside?: boolean
      /** What a document of another system shows, and its quote is over. */
      readonly foreign?: ForeignEvidence
      /** What the event log proves, where one is shown. */
      readonly replayed?: ReplayedLog | undefined
      /** What the GPUs prove, where any are shown and the policy looks at them. */
      readonly gpus?: GpuFacts | undefined
    }
  | { readonly verdict: NotVerified; readonly facts?: undefined; readonly checks: readonly Check[] }

/**
 * Judges a bare quote at `at` (ms): genuine, and, where a policy is given, what that policy accepts. `collateral` is called
 * after the quote was read. A refusal by the verifier comes back as a verdict; what else is thrown, passes.
 */
export async function judgeQuote(o: {
  quote: () => Promise<Uint8Array>
  collateral: (quote: ReturnType<typeof parseQuote>) => Promise<Collateral>
  at: number
  policy: Policy | undefined
}): Promise<Judged> {
  try {
    // Kernels and clouds hand quotes out in buffers of a fixed size; zeros after the quote mean nothing.
    const quote = parseQuote(await o.quote(), { allowZeroPadding: true })
    const facts = verifyQuote(quote, await o.collateral(quote), o.at)
    const appraisal = o.policy && appraise({ facts, keyset: undefined, freshness: undefined, now: o.at }, o.policy)
    return { verdict: verifiedVerdict(facts, appraisal), facts, appraisal }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return { verdict: failedVerdict(error), checks: error.checks }
  }
}
