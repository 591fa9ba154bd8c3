/** The kinds of addresses that nobody can be paid at, as the parts of a cell in which they may stand. */
import { beginCell, type Cell } from '@ton/core'
import { parties } from './parties.ts'

const { hash } = parties.payer

export const oddAddresses = {
  nobody: beginCell().storeUint(0b00, 2).endCell(),
  external: beginCell().storeUint(0b01, 2).storeUint(256, 9).storeBuffer(hash).endCell(),
  anycast: beginCell().storeUint(0b101, 3).storeUint(1, 5).storeUint(1, 1).storeInt(0, 8).storeBuffer(hash).endCell(),
  variable: beginCell().storeUint(0b110, 3).storeUint(256, 9).storeInt(0, 32).storeBuffer(hash).endCell(),
} satisfies Record<string, Cell>
