/** Lives of a registry that are written out: each rule once kept and once broken. */
import { beginCell, type Cell } from '@ton/core'
import {
  announceBody,
  announceOwnerBody,
  encodeItem,
  type Item,
  type RegistryState,
  removeBody,
  takeOwnershipBody,
} from '../../../src/policy-registry/index.ts'
import { exotic, testAddress, withoutBits, withoutRef, withTrailingBit, withTrailingRef } from '../../support/ton.ts'
import type { Machine } from '../machine.ts'
import { delay, heir, type Life, owner, start, stranger } from './life.ts'

export const item = (byte: number): Cell => encodeItem({ kind: 'weights', digest: byte.toString(16).padStart(2, '0').repeat(32) } as Item)
const removing = (cell: Cell) => removeBody(cell.hash())
const words = (opcode: number) => beginCell().storeUint(opcode, 32).storeUint(7, 64)

/** Each takes a machine, and code in place of the registry's. */
export type Script = (begin: (birth?: Partial<RegistryState>) => Promise<Life>, machine: Machine) => Promise<void>

export const scripts: Readonly<Record<string, Script>> = {
  'an item is announced by the owner, once, and removed by the owner, once': async begin => {
    const life = await begin()
    for (const from of [stranger, heir]) await life.send(announceBody(item(1)), { from })
    await life.send(announceBody(item(1), 5n))
    life.now += 10
    await life.send(announceBody(item(1)))
    await life.send(announceBody(item(2)))
    life.now += delay
    await life.send(announceBody(item(1)))
    await life.send(removing(item(1)), { from: stranger })
    await life.send(removing(item(3)))
    await life.send(removing(item(1)))
    await life.send(removing(item(1)))
    await life.send(announceBody(item(1), 2n ** 64n - 1n))
  },

  'items of the longest kind, of no bits, and of more than a cell': async begin => {
    const life = await begin()
    await life.send(announceBody(beginCell().endCell()))
    await life.send(announceBody(beginCell().storeUint(1, 600).endCell()))
    await life.send(announceBody(withTrailingRef(item(1))))
    await life.send(announceBody(exotic(item(1), 'library')))
  },

  'what stands there at birth counts at once, and can be removed': async begin => {
    const life = await begin({ entries: [{ cell: item(9), activeAt: 0 }], next: { owner: heir, at: start } })
    await life.send(announceBody(item(9)))
    await life.send(removing(item(9)))
    await life.send(takeOwnershipBody(), { from: heir })
  },

  'the owner changes by both, after the delay': async begin => {
    const life = await begin()
    await life.send(takeOwnershipBody(), { from: heir })
    await life.send(announceOwnerBody(heir), { from: heir })
    await life.send(announceOwnerBody(heir, 3n))
    life.now += delay - 1
    await life.send(takeOwnershipBody(), { from: heir })
    life.now += 1
    for (const from of [owner, stranger]) await life.send(takeOwnershipBody(), { from })
    await life.send(takeOwnershipBody(4n), { from: heir })
    await life.send(takeOwnershipBody(), { from: heir })
    await life.send(announceBody(item(1)))
    await life.send(announceBody(item(1)), { from: heir })
    await life.send(removing(item(1)))
  },

  'an announced owner is called off by announcing another, or the present one': async begin => {
    const life = await begin()
    await life.send(announceOwnerBody(heir))
    life.now += delay
    await life.send(announceOwnerBody(owner))
    await life.send(takeOwnershipBody(), { from: heir })
    await life.send(announceOwnerBody(testAddress('heir in the masterchain', -1)))
    life.now += delay
    await life.send(takeOwnershipBody(), { from: testAddress('heir in the masterchain', -1) })
  },

  'every message is read strictly': async begin => {
    const life = await begin({ entries: [{ cell: item(9), activeAt: 0 }] })
    const bodies = [announceBody(item(1)), removing(item(9)), announceOwnerBody(heir)]
    for (const body of bodies) for (const damaged of damages(body)) await life.send(damaged)
    await life.send(announceOwnerBody(heir))
    life.now += delay
    for (const damaged of damages(takeOwnershipBody())) await life.send(damaged, { from: heir })
  },

  'coins are rent, with or without words; what is not known comes back': async begin => {
    const life = await begin()
    const kept = [
      beginCell().endCell(),
      words(0).endCell(),
      words(0).storeRef(beginCell().endCell()).endCell(),
      beginCell().storeUint(0, 32).endCell(),
    ]
    for (const body of kept) await life.send(body, { from: stranger })
    const back = [beginCell().storeUint(0, 31), beginCell().storeUint(1, 1), words(0x52414e30), words(0x52414e32), words(0xffffffff)]
    for (const body of back) await life.send(body.endCell())
    await life.send(beginCell().storeRef(beginCell().endCell()).endCell())
  },

  'times beyond the year 2038 are times': async begin => {
    const life = await begin({ delay: 2_200_000_000 })
    await life.send(announceBody(item(1)))
    await life.send(announceOwnerBody(heir))
    await life.send(takeOwnershipBody(), { from: heir })
  },

  'what cannot pay for its answer changes nothing': async begin => {
    const life = await begin()
    const { fees } = await life.send(announceOwnerBody(heir))
    await life.send(announceOwnerBody(heir))
    await life.sendUnanswered(announceOwnerBody(stranger), fees.gas + 1_000n)
  },

  'a message that bounced does nothing': async begin => {
    const life = await begin()
    for (const body of [
      announceBody(item(1)),
      beginCell()
        .storeUint(0xffffffff, 32)
        .storeSlice(announceBody(item(1)).beginParse())
        .endCell(),
    ])
      await life.send(body, { bounced: true })
  },

  'the get-method tells all of it': async (begin, machine) => {
    const life = await begin()
    await life.checkTold(machine)
    await life.send(announceBody(item(1)))
    await life.send(announceOwnerBody(heir))
    await life.checkTold(machine)
  },
}

function damages(body: Cell): Cell[] {
  const bits = body.bits.length
  return [
    withTrailingBit(body),
    ...(body.refs.length < 4 ? [withTrailingRef(body)] : []),
    ...[1, bits - 96, bits - 95, bits - 33].filter(cut => cut > 0 && cut <= bits - 32).map(cut => withoutBits(body, cut)),
    ...(body.refs.length > 0 ? [withoutRef(body)] : []),
  ]
}
