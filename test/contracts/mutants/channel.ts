/** The channel's mutants, what they are tried by, and the ones that are the channel after all. */
import { Cell } from '@ton/core'
import { type CompiledContract, compileContract } from '../../../scripts/compile-contract.ts'
import { checkLives } from '../lives/check.ts'
import { live } from '../lives/conformance.ts'
import { scripts } from '../lives/scripts.ts'
import { Tally } from '../lives/tally.ts'
import { newborns, storageOf } from '../lives/world.ts'
import { type Machine, runGetMethod } from '../machine.ts'
import type { Trial } from './kill.ts'

export const compileChannel = (source?: string): Promise<CompiledContract> => compileContract('channel.tolk', source)

/** The get-method, every scripted life, and `randomRuns` random ones. */
export function channelTrials(machine: Machine, randomRuns: number): Trial[] {
  const optionsOf = ({ code }: CompiledContract) => ({ machine, newborns: newborns(Cell.fromBase64(code)), tally: new Tally() })
  return [
    { name: 'channel_data', run: compiled => checkGetMethod(machine, Cell.fromBase64(compiled.code)) },
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

/** Every member of storage, in its place. */
async function checkGetMethod(machine: Machine, code: Cell): Promise<void> {
  const { model } = newborns(code)[0]!
  const state = { ...model, status: 2, deposited: 1n << 119n, settled: 5n, closesAt: 2 ** 32 - 1 }
  const { exitCode, stack } = await runGetMethod(machine, { code, data: storageOf(state) }, 'channel_data')
  if (exitCode !== 0) throw new Error(`channel_data ended with ${exitCode}`)
  const numbers = [
    2n,
    state.deposited,
    state.settled,
    BigInt(state.closesAt),
    ...[model.payerKey, model.payeeKey].map(key => BigInt(`0x${key.toString('hex')}`)),
  ]
  for (const [index, number] of numbers.entries()) {
    const item = stack[index]
    if (item?.type !== 'int' || item.value !== number) throw new Error(`channel_data: member ${index} is another`)
  }
  const terms = stack[6]
  if (stack.length !== 7 || terms?.type !== 'cell' || !terms.cell.equals(model.terms)) throw new Error('channel_data: the terms are others')
}
