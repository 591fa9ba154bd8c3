/** Messages, signed cells, terms and storage with something wrong in them. */
import { faults, type Step } from '../steps.ts'
import { goodChannels, oddTails } from '../world.ts'
import { at, finishClose, odd, open, release, settle, startClose, step } from './say.ts'

export const wrong: Record<string, readonly Step[]> = {
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
