/** The contract on the TVM against the model in TypeScript, message by message, and the design's invariants after each. */
import { beforeAll, describe, expect, it } from 'vitest'
import { channelCode } from '../../src/payment-channel/index.ts'
import { tellsItsState } from './lives/channel-data.ts'
import { checkLives } from './lives/check.ts'
import { live, type Options } from './lives/conformance.ts'
import { scripts } from './lives/scripts.ts'
import { Tally } from './lives/tally.ts'
import { newborns } from './lives/world.ts'
import { createMachine } from './machine.ts'

let options: Options
beforeAll(async () => {
  options = { machine: await createMachine(), newborns: newborns(channelCode), tally: new Tally() }
})

describe('the channel does what the model says', () => {
  it.each(Object.keys(scripts))('%s', async name => {
    await live(scripts[name]!, options)
  })

  it('channel_data answers with the storage, member by member', async () => {
    await tellsItsState(options.machine, options.newborns[0]!)
  })

  it('in random lives', { timeout: 120_000 }, async () => {
    const tally = new Tally()
    await checkLives({ ...options, tally }, { seed: 20_261_126, runs: 85, longest: 40 })
    console.log(tally.report())
    expect(tally.steps).toBeGreaterThan(1_500)
    expect(tally.invariants.size).toBe(17)
  })
})
