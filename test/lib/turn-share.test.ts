import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { TurnShare } from '../../src/lib/turn-share.ts'

const kibibyte = 1024
const never = () => {
  throw new Error('nobody waited')
}

test('a turn has one share for all, and the next turn another', async () => {
  const share = new TurnShare(300)
  expect(share.take(100, never)).toBe(true)
  expect(share.take(199, never)).toBe(true)
  expect(share.take(1, () => {})).toBe(false)
  await nextTurn()
  expect(share.take(299, never)).toBe(true)
})

test('who has waited goes on in the order of coming, as many at once as a share has reads', async () => {
  const share = new TurnShare(128 * kibibyte)
  const resumed: number[] = []
  for (let i = 0; i < 5; i++) expect(share.take(128 * kibibyte, () => resumed.push(i))).toBe(false)
  expect(resumed).toEqual([])
  await nextTurn()
  expect(resumed).toEqual([0, 1])
  await nextTurn()
  expect(resumed).toEqual([0, 1, 2, 3])
  await nextTurn()
  expect(resumed).toEqual([0, 1, 2, 3, 4])
})

test('a share below one read still lets one at a time go on', async () => {
  const share = new TurnShare(1)
  const resumed: number[] = []
  for (let i = 0; i < 2; i++) share.take(1, () => resumed.push(i))
  await nextTurn()
  expect(resumed).toEqual([0])
})
