/** Lives that are not left to chance: each rule of the contract kept once, and broken once in every way the steps can say. */
import { oddTerms } from './odd-terms.ts'
import { faults, type Op, plainStep, type Step, type Wait } from './steps.ts'
import { goodChannels, oddTails } from './world.ts'

function step(op: Op, changes: Partial<Step> = {}): Step {
  return { ...plainStep, op, value: 'plenty', entropy: 77, ...changes }
}

const odd = Object.keys(oddTerms).map((_, index) => goodChannels + index)
const withMasterchainPayer = odd[Object.keys(oddTerms).indexOf('a payer in the masterchain')]!

const open = step('deposit', { value: 'large', entropy: 2_000_000_000 })
const settle = step('settle')
const startClose = step('startClose')
const finishClose = step('finishClose')
const release = step('closeReleased', { amount: 'settled' })
const everyOp: Op[] = [
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
/** The payer last: what it starts, the others cannot be refused any more. */
const senders = ['stranger', 'payee', 'payer'] as const
const at = (wait: Wait, of: Step): Step => ({ ...of, wait })

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

export const scripts: Record<string, readonly Step[]> = {
  'opens and is topped up by every form': [
    ...(['deposit', 'empty', 'comment'] as const).flatMap((op, channel) => [step(op, { channel, value: 'large' })]),
    ...(['deposit', 'empty', 'comment'] as const).map(op => step(op, { from: 'payee' })),
    ...(['missing', 'missing+1', 'dust', 'zero', 'starved'] as const).map(value => step('deposit', { value })),
  ],
  'opens with more than the reserve only': [step('deposit', { value: 'missing' }), step('deposit', { value: 'missing+1' })],
  'counts what lay there before it opened': [
    step('transfer', { value: 'large' }),
    step('deposit'),
    step('bounced', { value: 'large' }),
    settle,
  ],
  'opens until open_until': [at('toOpenUntil', open), at('pastOpenUntil', { ...open, channel: 2 })],
  'goes on after open_until': [open, at('pastOpenUntil', step('deposit')), settle, startClose, settle, step('closeByPayee')],
  'an address that nobody opened': [
    step('transfer', { value: 'large' }),
    at('toOpenUntil', finishClose),
    at('pastOpenUntil', finishClose),
    open,
    finishClose,
  ],
  'what a new channel refuses': everyOp.slice(3).map(op => step(op)),
  'an open channel, by every sender': senders.flatMap(from => [open, step('finishClose', { from }), step('startClose', { from })]),
  'the payee closes, and nobody else': [
    open,
    ...senders.map(from => step('closeByPayee', { from })),
    ...everyOp.map(op => step(op)),
    step('bounced', { value: 'large' }),
    at('toOpenUntil', finishClose),
    at('pastOpenUntil', finishClose),
    open,
    settle,
  ],
  'the payer starts to close': [
    open,
    startClose,
    ...(['deposit', 'empty', 'comment', 'startClose', 'noise'] as const).map(op => step(op)),
    settle,
    at('beforeClosesAt', { ...settle, entropy: 500 }),
    finishClose,
    at('toClosesAt', { ...settle, entropy: 900 }),
    finishClose,
    finishClose,
  ],
  'the payee closes while closing': [open, startClose, at('toClosesAt', step('closeByPayee'))],
  'a release while closing': [open, settle, startClose, release],
  'a close with no challenge period at all': [
    { ...open, channel: 1 },
    { ...startClose, channel: 1 },
    { ...settle, channel: 1 },
    { ...finishClose, channel: 1 },
  ],
  'a close after open_until': [open, settle, startClose, at('pastOpenUntil', finishClose), open, settle, finishClose],
  'a release exactly settled, and one nanoTON more': [open, settle, { ...release, amount: 'settled+1' }, release],
  'claims of every size': [
    open,
    ...(['zero', 'settled', 'settled+1', 'more', 'all', 'beyond', 'most', 'settled'] as const).map(amount => step('settle', { amount })),
    open,
    step('settle', { amount: 'beyond' }),
  ],
  'ceilings of every size': [
    open,
    ...(['under', 'zero', 'amount', 'above', 'most'] as const).map((ceiling, index) =>
      step('settle', { ceiling, entropy: 100 + 200 * index }),
    ),
  ],
  'a settlement shown again, here and elsewhere': [
    open,
    { ...open, channel: 1 },
    settle,
    step('replay', { entropy: 0 }),
    step('replay', { entropy: 0, channel: 1 }),
  ],
  'faults of a settlement': [open, ...faults.map((fault, index) => step('settle', { faults: [fault], entropy: 40 + index })), settle],
  'faults of a settlement while closing': [open, startClose, ...faults.map(fault => step('settle', { faults: [fault] }))],
  'faults of a release': [
    open,
    settle,
    ...faults.filter(fault => !/^(auth|rest)-/.test(fault)).map((fault, index) => ({ ...release, faults: [fault], entropy: 40 + index })),
    ...[0, 1, 2, 3].map(entropy => ({ ...release, faults: ['claim-chain'] as const, entropy })),
    release,
  ],
  'two faults at once': [
    open,
    ...faults.flatMap((fault, index) =>
      [1, 7, 16].map(other => step('settle', { faults: [fault, faults[(index + other) % faults.length]!] })),
    ),
  ],
  'faults of the plain messages': (['deposit', 'comment', 'startClose', 'finishClose', 'closeByPayee'] as const).flatMap(op => [
    open,
    ...(['body-bit', 'body-short', 'body-no-query', 'body-stub', 'body-ref'] as const).map(fault => step(op, { faults: [fault] })),
  ]),
  'an empty body with a reference, and zeros that are too few': [
    open,
    step('empty', { faults: ['body-ref'] }),
    ...Array.from({ length: 40 }, (_, index) => step('noise', { entropy: 2 * index + 1 })),
  ],
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
  'signatures under a key of small order': [
    { ...open, channel: 2 },
    ...Array.from({ length: 12 }, (_, index) => step('settle', { channel: 2, entropy: 3 * index + 1 })),
  ],
  'terms under which nothing may open': odd.flatMap(channel => [
    step('transfer', { channel, value: 'large' }),
    step('deposit', { channel, value: 'large' }),
    step('finishClose', { channel }),
  ]),
  'terms under which nothing may open, after their time': odd.map(channel => at('pastOpenUntil', step('finishClose', { channel }))),
  'storage with more in it than a channel’s': oddTails.flatMap((_, index) => {
    const channel = goodChannels + odd.length + index
    return [open, settle, release, startClose, settle, release, at('toClosesAt', finishClose)].map(each => ({ ...each, channel }))
  }),
  'one address on two chains': [
    open,
    { ...open, channel: 3 },
    settle,
    step('replay', { channel: 3, entropy: 0 }),
    { ...settle, channel: 3, entropy: 900 },
    step('replay', { entropy: 1 }),
    ...[0, 1, 2, 3, 4].flatMap(entropy =>
      (['auth-chain', 'claim-chain'] as const).map(fault => step('settle', { channel: 3, faults: [fault], entropy })),
    ),
    ...[0, 1, 2, 3, 4].map(entropy => ({ ...release, channel: 3, faults: ['claim-chain'] as const, entropy })),
    { ...release, channel: 3 },
    step('replay', { entropy: 17 }),
    release,
  ],
  'signed for no address at all': [
    open,
    settle,
    ...[0, 1, 2, 3].flatMap(entropy => [
      step('settle', { faults: ['auth-address'], entropy }),
      step('settle', { faults: ['claim-address'], entropy }),
      { ...release, faults: ['claim-address'] as const, entropy },
    ]),
  ],
}
