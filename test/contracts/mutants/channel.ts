/** The channel's mutants, what they are tried by, and the ones that are the channel after all. */
import { Cell } from '@ton/core'
import type { CompiledContract } from '../../../scripts/compile-contract.ts'
import { tellsItsState } from '../lives/channel-data.ts'
import { checkLives } from '../lives/check.ts'
import { live } from '../lives/conformance.ts'
import { scripts } from '../lives/scripts.ts'
import { Tally } from '../lives/tally.ts'
import { newborns } from '../lives/world.ts'
import type { Machine } from '../machine.ts'
import type { Trial } from './kill.ts'

/** The get-method, every scripted life, and `randomRuns` random ones. */
export function channelTrials(machine: Machine, randomRuns: number): Trial[] {
  const optionsOf = ({ code }: CompiledContract) => ({ machine, newborns: newborns(Cell.fromBase64(code)), tally: new Tally() })
  return [
    { name: 'channel_data', run: compiled => tellsItsState(machine, newborns(Cell.fromBase64(compiled.code))[0]!) },
    ...Object.entries(scripts).map(([name, steps]) => ({ name, run: (compiled: CompiledContract) => live(steps, optionsOf(compiled)) })),
    ...(randomRuns === 0
      ? []
      : [
          {
            name: 'random lives',
            run: (compiled: CompiledContract) => checkLives(optionsOf(compiled), { seed: 1, runs: randomRuns, longest: 60, shrink: false }),
          },
        ]),
  ]
}
