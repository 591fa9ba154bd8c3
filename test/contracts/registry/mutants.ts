/** What the registry's mutants are tried by, and the ones that are the registry after all. */
import { Cell } from '@ton/core'
import fc from 'fast-check'
import type { Machine } from '../machine.ts'
import type { Trial } from '../mutants/kill.ts'
import { Life } from './life.ts'
import { liveThrough, steps } from './random.ts'
import { scripts } from './scripts.ts'

const unread = 'as many bits are read, and nobody looks at their value'
const ownWriting = 'only the contract itself writes there, and never more; what stands there at birth is part of the address'
const bodies = ['AnnounceBody', 'RemoveBody', 'AnnounceOwnerBody', 'TakeOwnershipBody']
const carry = 'SEND_MODE_CARRY_ALL_REMAINING_MESSAGE_VALUE'

/** By their names, with the reason why nothing can kill them. */
export const registryEquivalents: Readonly<Record<string, string>> = {
  ...Object.fromEntries(bodies.map(body => [`${body}: opAndQueryId: uint96 → opAndQueryId: int96`, unread])),
  ...Object.fromEntries(
    [
      'onInternalMessage: .fromCell(contract.getData()) → .fromCell(contract.getData(), { assertEndAfterReading: false })',
      'registry_data: .fromCell(contract.getData()) → .fromCell(contract.getData(), { assertEndAfterReading: false })',
      'Registry.take: val next = self.next!.load(); → val next = self.next!.load({ assertEndAfterReading: false });',
    ].map(name => [name, ownWriting]),
  ),
  [`onInternalMessage: ${carry} → ${carry} + SEND_MODE_BOUNCE_ON_ACTION_FAIL`]:
    'it fails only where what is left does not cover the fee of the answer, and the way back costs as much',
}

/** Every scripted life, and `randomRuns` random ones. */
export function registryTrials(machine: Machine, randomRuns: number): Trial[] {
  const beginWith =
    (code: string) =>
    (birth = {}) =>
      Life.begin(machine, birth, Cell.fromBase64(code))
  return [
    ...Object.entries(scripts).map(([name, script]) => ({
      name,
      run: ({ code }: { code: string }) => script(beginWith(code), machine),
    })),
    ...(randomRuns === 0
      ? []
      : [
          {
            name: 'random lives',
            run: ({ code }: { code: string }) =>
              fc.assert(
                fc.asyncProperty(steps(60), async all => liveThrough(await beginWith(code)(), all)),
                { numRuns: randomRuns, seed: 1, endOnFailure: true },
              ),
          },
        ]),
  ]
}
