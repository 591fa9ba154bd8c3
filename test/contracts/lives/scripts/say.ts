/** How scripted lives are said: a good step of each kind, and what it may be changed to. */
import { oddTerms } from '../odd-terms.ts'
import { type Op, plainStep, type Step, type Wait } from '../steps.ts'
import { goodChannels } from '../world.ts'

export function step(op: Op, changes: Partial<Step> = {}): Step {
  return { ...plainStep, op, value: 'plenty', entropy: 77, ...changes }
}

export const at = (wait: Wait, of: Step): Step => ({ ...of, wait })

export const open = step('deposit', { value: 'large', entropy: 2_000_000_000 })
export const settle = step('settle')
export const startClose = step('startClose')
export const finishClose = step('finishClose')
export const release = step('closeReleased', { amount: 'settled' })

export const everyOp: readonly Op[] = [
  'deposit',
  'empty',
  'comment',
  'settle',
  'startClose',
  'finishClose',
  'closeReleased',
  'closeByPayee',
  'noise',
  'bounced',
  'external',
]

/** The channels with odd terms. */
export const odd = Object.keys(oddTerms).map((_, index) => goodChannels + index)
