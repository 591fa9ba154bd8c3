/** Each rule of the contract kept once, and broken once. */
import type { Step } from '../steps.ts'
import { at, everyOp, finishClose, open, release, settle, startClose, step } from './say.ts'

/** The payer last: what it starts, the others cannot be refused any more. */
const senders = ['stranger', 'payee', 'payer'] as const

export const rules: Record<string, readonly Step[]> = {
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
}
