/**
 * Random lives of the contracts for as long as one likes: `npm run test:long [-- --steps 200000 --seed 1]`. Goes through seed after
 * seed, prints what was lived, and ends with status 1 and the shrunken steps where a contract and its model part.
 */
import { parseArgs } from 'node:util'
import { channelCode } from '../../src/payment-channel/index.ts'
import { checkLives } from './lives/check.ts'
import { Tally } from './lives/tally.ts'
import { newborns } from './lives/world.ts'
import { createMachine } from './machine.ts'

const { values } = parseArgs({ options: { steps: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } } })
const steps = Number(values.steps)
const firstSeed = Number(values.seed)

const tally = new Tally()
const options = { machine: await createMachine(), newborns: newborns(channelCode), tally }
const begin = performance.now()
let reported = begin
let seed = firstSeed
try {
  for (; tally.steps < steps; seed++) {
    await checkLives(options, { seed, runs: 50, longest: 60 })
    if (performance.now() - reported < 30_000) continue
    reported = performance.now()
    console.log(`${tally.steps} steps, ${Math.round(tally.steps / secondsSince(begin))} a second, seeds ${firstSeed} to ${seed}`)
  }
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
console.log(
  `Channel, seeds ${firstSeed} to ${seed - 1}, in ${Math.round(secondsSince(begin))} s (${Math.round(tally.steps / secondsSince(begin))} steps/s)`,
)
console.log(tally.report())

function secondsSince(time: number): number {
  return (performance.now() - time) / 1000
}
