/** Does `channel_data` tell what stands in storage? Asked of a state in which no two members are alike, and of storage with more in it. */

import type { Machine } from '../machine.ts'
import { runGetMethod } from '../machine.ts'
import { demand } from './expect.ts'
import { type Newborn, oddTails, storageOf } from './world.ts'

/** Compares the answer of `newborn`'s code with its storage, member by member. Throws `Divergence`. */
export async function tellsItsState(machine: Machine, { init: { code }, model }: Newborn): Promise<void> {
  const state = { ...model, status: 2, deposited: (1n << 119n) + 7n, settled: 999_983n, closesAt: 2 ** 32 - 1 }
  const { exitCode, stack } = await runGetMethod(machine, { code, data: storageOf(state) }, 'channel_data')
  demand(exitCode === 0, `channel_data ended with ${exitCode}`)
  demand(stack.length === 7, `channel_data has ${stack.length} members`)
  const numbers = {
    status: BigInt(state.status),
    deposited: state.deposited,
    settled: state.settled,
    closes_at: BigInt(state.closesAt),
    payer_key: numberOf(state.payerKey),
    payee_key: numberOf(state.payeeKey),
  }
  for (const [index, [name, number]] of Object.entries(numbers).entries()) {
    const item = stack[index]
    demand(item?.type === 'int' && item.value === number, `channel_data tells another ${name}`)
  }
  const terms = stack[6]
  demand(terms?.type === 'cell' && terms.cell.equals(state.terms), 'channel_data tells other terms')
  for (const tail of oddTails) {
    const odd = await runGetMethod(machine, { code, data: storageOf({ ...state, tail }) }, 'channel_data')
    demand(odd.exitCode === 9, 'channel_data tells of storage that is no channel’s')
  }
}

function numberOf(key: Buffer): bigint {
  return BigInt(`0x${key.toString('hex')}`)
}
