/** Random lives of a registry: messages of everybody at every time, each compared with the model. */
import { beginCell } from '@ton/core'
import fc from 'fast-check'
import {
  announceBody,
  announceOwnerBody,
  itemsInForce,
  type RegistryState,
  removeBody,
  takeOwnershipBody,
} from '../../../src/policy-registry/index.ts'
import { withTrailingBit } from '../../support/ton.ts'
import { delay, heir, type Life, owner, stranger } from './life.ts'
import { item } from './scripts.ts'

const people = [owner, owner, heir, stranger] as const
const step = fc.record({
  from: fc.constantFrom(...people),
  what: fc.constantFrom('announce', 'announce', 'remove', 'owner', 'take', 'rent', 'damaged'),
  which: fc.integer({ min: 1, max: 4 }),
  /** Seconds until then. */
  later: fc.constantFrom(0, 0, 1, delay - 1, delay, delay + 1),
})
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** A life of at most `longest` messages. */
export const steps = (longest: number): fc.Arbitrary<Step[]> => fc.array(step, { minLength: 1, maxLength: longest })

/** Sends them all, and checks after each what no message may ever break. Throws where one does. */
export async function liveThrough(life: Life, all: readonly Step[]): Promise<void> {
  const announcedAt = new Map<string, number>()
  for (const { from, what, which, later } of all) {
    life.now += later
    const before = life.state
    await life.send(bodyOf(what, which), { from })
    checkRules(before, life.state, life.now, announcedAt)
  }
}

function bodyOf(what: Step['what'], which: number) {
  if (what === 'announce') return announceBody(item(which))
  if (what === 'remove') return removeBody(item(which).hash())
  if (what === 'owner') return announceOwnerBody(people[which - 1]!)
  if (what === 'take') return takeOwnershipBody()
  return what === 'rent' ? beginCell().endCell() : withTrailingBit(announceBody(item(which)))
}

/** Nothing counts sooner than a delay after it came in, and what is gone does not count. */
function checkRules(before: RegistryState, after: RegistryState, now: number, announcedAt: Map<string, number>): void {
  const had = new Set(before.entries.map(({ cell }) => cell.hash().toString('hex')))
  const has = new Set(after.entries.map(({ cell }) => cell.hash().toString('hex')))
  for (const hash of has) if (!had.has(hash)) announcedAt.set(hash, now)
  for (const { cell, activeAt } of after.entries) {
    const since = announcedAt.get(cell.hash().toString('hex'))!
    if (activeAt !== since + delay) throw new Error(`an item of ${since} counts from ${activeAt} on`)
  }
  const counting = itemsInForce(after, now).length
  const ripe = [...has].filter(hash => now >= announcedAt.get(hash)! + delay).length
  if (counting !== ripe) throw new Error(`${counting} items count in place of ${ripe}`)
  if (after.delay !== before.delay) throw new Error('the delay changed')
}
