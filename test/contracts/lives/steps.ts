/**
 * Steps of a random life of some channels: what is tried next, said relative to how things stand, so that a sequence keeps its
 * meaning while it is shrunk. The first choice of each list is the plainest.
 */
import fc from 'fast-check'
import { oddTerms } from './odd-terms.ts'
import { goodChannels, oddTails } from './world.ts'

const ops = [
  'deposit',
  'empty',
  'comment',
  'settle',
  'startClose',
  'finishClose',
  'closeReleased',
  'closeByPayee',
  'replay',
  'noise',
  'transfer',
  'bounced',
  'external',
] as const
export type Op = (typeof ops)[number]

const waits = [
  'none',
  'second',
  'while',
  'beforeOpenUntil',
  'toOpenUntil',
  'pastOpenUntil',
  'beforeClosesAt',
  'toClosesAt',
  'year',
] as const
export type Wait = (typeof waits)[number]

const amounts = ['more', 'all', 'beyond', 'settled', 'settled+1', 'zero', 'most', 'any'] as const
export type AmountOf = (typeof amounts)[number]

const ceilings = ['amount', 'above', 'under', 'most', 'zero'] as const
export type CeilingOf = (typeof ceilings)[number]

const values = ['plenty', 'large', 'missing', 'missing+1', 'dust', 'starved', 'zero', 'huge'] as const
export type ValueOf = (typeof values)[number]

/** What is wrong with a message. `auth` and `claim` are the signed cells; a release counts as both. */
export const faults = [
  'auth-key',
  'claim-key',
  'auth-swapped-key',
  'claim-swapped-key',
  'auth-chain',
  'claim-chain',
  'auth-channel',
  'claim-channel',
  'auth-masterchain',
  'claim-masterchain',
  'auth-tag',
  'claim-tag',
  'auth-bit',
  'claim-bit',
  'auth-short',
  'claim-short',
  'auth-stub',
  'claim-stub',
  'auth-ref',
  'claim-ref',
  'auth-exotic',
  'claim-exotic',
  'auth-flipped',
  'claim-flipped',
  'auth-padded',
  'claim-padded',
  'auth-other',
  'claim-other',
  'rest-bit',
  'rest-short',
  'rest-ref',
  'rest-no-ref',
  'rest-exotic',
  'body-bit',
  'body-short',
  'body-no-query',
  'body-stub',
  'body-ref',
  'body-no-ref',
  'auth-address',
  'claim-address',
] as const
export type Fault = (typeof faults)[number]

export interface Step {
  /** Which of the world's channels. */
  readonly channel: number
  readonly wait: Wait
  readonly op: Op
  /** `right`: who may send it, where that is one alone. */
  readonly from: 'right' | 'payer' | 'payee' | 'stranger'
  readonly value: ValueOf
  readonly amount: AmountOf
  readonly ceiling: CeilingOf
  readonly faults: readonly Fault[]
  readonly bounce: boolean
  /** Where the account lacks code, the message brings it. */
  readonly init: boolean
  /** Decides what the words above leave open. */
  readonly entropy: number
}

function weighted<T>(choices: readonly T[], weights: readonly number[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map((choice, index) => ({ weight: weights[index] ?? 1, arbitrary: fc.constant(choice) })))
}

/** The odd channels come after the good ones. */
const odd = Array.from({ length: Object.keys(oddTerms).length + oddTails.length }, (_, index) => goodChannels + index)

const step: fc.Arbitrary<Step> = fc.record({
  channel: fc.oneof({ weight: 11, arbitrary: weighted([0, 1, 2, 3], [6, 2, 2, 2]) }, { weight: 1, arbitrary: fc.constantFrom(...odd) }),
  wait: weighted(waits, [160, 12, 8, 3, 3, 2, 10, 8, 1]),
  op: weighted(ops, [16, 4, 4, 60, 5, 8, 8, 1, 8, 3, 2, 2, 1]),
  from: weighted(['right', 'payer', 'payee', 'stranger'] as const, [6, 1, 1, 1]),
  value: weighted(values, [34, 8, 3, 3, 2, 3, 1, 1]),
  amount: weighted(amounts, [20, 3, 3, 2, 3, 2, 1, 1]),
  ceiling: weighted(ceilings, [5, 5, 1, 2, 1]),
  faults: fc.oneof(
    { weight: 7, arbitrary: fc.constant([]) },
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...faults)) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...faults), fc.constantFrom(...faults)) },
  ),
  bounce: weighted([true, false], [5, 1]),
  init: weighted([true, false], [9, 1]),
  entropy: fc.nat({ max: 2 ** 31 - 1 }),
})

/** A good deposit to the first channel. */
export const plainStep: Step = {
  channel: 0,
  wait: 'none',
  op: 'deposit',
  from: 'right',
  value: 'large',
  amount: 'more',
  ceiling: 'amount',
  faults: [],
  bounce: true,
  init: true,
  entropy: 0,
}

/** Lives of up to `longest` steps; most begin with a channel that is opened. */
export function lives(longest: number): fc.Arbitrary<Step[]> {
  const openings = weighted([[plainStep], [plainStep, { ...plainStep, channel: 2 }], []], [5, 2, 2])
  return fc.tuple(openings, fc.array(step, { minLength: 1, maxLength: longest, size: 'max' })).map(([first, rest]) => [...first, ...rest])
}
