/** Too little of something: gas, coins to send with, what rent has left, room in an amount. */
import { oddTerms } from '../odd-terms.ts'
import type { Op, Step } from '../steps.ts'
import { at, everyOp, odd, open, settle, startClose, step } from './say.ts'

const withMasterchainPayer = odd[Object.keys(oddTerms).indexOf('a payer in the masterchain')]!

/** The same with nothing on the account, and with just enough for the gas and hardly enough for the way of what is sent. */
function starvedAfterYears(op: Op): Step[] {
  return [330_000, 345_000, 360_000, 375_000, 390_000, 405_000, 420_000, 449_000].map((entropy, index) =>
    at(index === 0 ? 'year' : 'none', step(op, { value: 'starved', entropy: entropy + 7 * 450_000 })),
  )
}

/** Open, and ten years later: nothing is left, and some rent is owed. */
const openedAndEaten = [
  step('deposit', { value: 'missing+1' }),
  ...[400_000, 400_000].map(entropy => step('bounced', { value: 'starved', entropy })),
  ...[7, 1].map(entropy => at('year', step('bounced', { value: 'zero', entropy }))),
]

export const costs: Record<string, readonly Step[]> = {
  'too little gas': [
    open,
    ...everyOp.slice(0, 8).flatMap(op => [50_000, 150_000, 300_000, 340_000].map(entropy => step(op, { value: 'starved', entropy }))),
  ],
  'gas enough, but nothing left to forward with': [
    open,
    ...[374_500, 380_000, 400_000].map(entropy => step('settle', { value: 'starved', amount: 'settled+1', entropy })),
  ],
  'amounts at the end of Coins': [
    { ...open, value: 'huge' },
    step('settle', { amount: 'most', ceiling: 'most' }),
    { ...open, value: 'huge' },
    step('settle', { amount: 'most', ceiling: 'most' }),
    { ...open, value: 'huge' },
  ],
  'rent that eats the deposit': [
    step('deposit', { value: 'missing+1' }),
    at('year', settle),
    at('year', step('settle', { amount: 'all', entropy: 7 })),
    at('year', step('deposit', { value: 'missing' })),
    startClose,
  ],
  'rent that eats from what was credited': [
    step('deposit', { value: 'plenty' }),
    at('year', step('settle', { amount: 'more', entropy: 7 })),
    at('year', step('settle', { amount: 'all', entropy: 15 })),
    at('year', step('settle', { amount: 'all', entropy: 7 })),
    step('settle', { amount: 'all', bounce: false }),
  ],
  'rent that has eaten everything, and little gas to close with': [
    step('deposit', { value: 'missing+1' }),
    ...starvedAfterYears('closeByPayee'),
    ...starvedAfterYears('startClose'),
    startClose,
    at('toClosesAt', step('settle')),
    ...starvedAfterYears('finishClose'),
    step('closeByPayee'),
    ...starvedAfterYears('finishClose'),
  ],
  // 251,668 nanoTON of gas, a fee of 66,667, and the one nanoTON of the notice that is missing.
  'a start of a close that cannot pay its notice': [
    ...openedAndEaten,
    step('startClose', { value: 'starved', entropy: 318_335 }),
    startClose,
  ],
  // As much as a notice and eight units of gas more would take: what the chain charges for one more bit of a sending mode.
  'a start of a close that can pay its notice': [...openedAndEaten, step('startClose', { value: 'starved', entropy: 318_868 }), startClose],
  'a sweep of nothing, with gas enough and nothing left to forward with': [
    open,
    step('closeByPayee'),
    ...[300_000, 315_000, 330_000, 345_000, 360_000, 390_000].map(entropy => step('finishClose', { value: 'starved', entropy })),
  ],
  'a sweep of an address that nobody opened, with nothing left to forward with': [
    at('pastOpenUntil', step('finishClose', { value: 'starved', entropy: 320_000 })),
    step('finishClose', { value: 'starved', entropy: 449_000 }),
  ],
  'a sweep to the masterchain, whose way costs more than the way back': [
    at('pastOpenUntil', step('finishClose', { channel: withMasterchainPayer, value: 'starved', entropy: 449_000 })),
    step('finishClose', { channel: withMasterchainPayer }),
  ],
}
