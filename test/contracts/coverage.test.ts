/**
 * Every instruction of the compiled contract runs, and every branch goes both ways, in the scripted lives alone. Counted on the
 * TVM's logs of the code that is deployed; the compiler has no map from there to lines of the source.
 */
import { beginCell } from '@ton/core'
import { expect, it } from 'vitest'
import { channelCode } from '../../src/payment-channel/index.ts'
import { Branches } from './lives/branches.ts'
import { live } from './lives/conformance.ts'
import { scripts } from './lives/scripts.ts'
import { Tally } from './lives/tally.ts'
import { newborns } from './lives/world.ts'
import { createMachine, runGetMethod } from './machine.ts'

it('no instruction and no branch is left out', async () => {
  const machine = await createMachine()
  const channels = newborns(channelCode)
  const seen = new Branches()
  const tally = new Tally()
  for (const steps of Object.values(scripts)) await live(steps, { machine, newborns: channels, tally, onLog: log => seen.add(log) })
  const { data } = channels[0]!.init
  for (const method of ['channel_data', 'nothing_of_ours'])
    seen.add((await runGetMethod(machine, { code: channelCode, data }, method)).vmLog)
  // Data that is no channel's: the one way in which the get-method ends otherwise.
  seen.add((await runGetMethod(machine, { code: channelCode, data: beginCell().endCell() }, 'channel_data')).vmLog)

  // What an operation costs decides what cannot be sent: lives that are a nanoTON short of it must stay so.
  const unpaid = [...tally.outcomes].filter(([, outcomes]) => outcomes.has('unpaid')).map(([op]) => op)
  expect(unpaid.toSorted()).toEqual(['finishClose', 'settle', 'startClose'])

  const instructions = seen.instructions(channelCode)
  const branches = seen.branches()
  console.log(`contract: ${instructions.all} instructions, ${branches.all} branches`)
  expect(instructions).toEqual({ all: expect.any(Number), missed: [] })
  expect(branches).toEqual({ all: expect.any(Number), oneWay: [] })
  expect(branches.all).toBeGreaterThan(40)
})
