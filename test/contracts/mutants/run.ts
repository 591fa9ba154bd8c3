/**
 * `npm run mutants`: the contract is made wrong in one place after another, compiled by the compiler that the tests use, and put through the
 * tests on the TVM until one fails. Prints each mutant and what killed it; ends with 1 where one survives that is not shown to be equivalent.
 *
 *   --only WORDS   the mutants whose name or operator has these words
 *   --lives N      random lives for what the scripted ones leave (100)
 *   --quiet        the counts alone
 */
import { parseArgs } from 'node:util'
import { readContract } from '../../../scripts/compile-contract.ts'
import { createMachine } from '../machine.ts'
import { channelTrials, compileChannel } from './channel.ts'
import { equivalents } from './equivalents.ts'
import { fateOf } from './kill.ts'
import { mutantsOf } from './make.ts'

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, lives: { type: 'string', default: '100' }, quiet: { type: 'boolean', default: false } },
})
const source = readContract('channel.tolk')
const trials = channelTrials(await createMachine(), Number(values.lives))
const original = await compileChannel()
for (const { run } of trials) await run(original)

const begin = performance.now()
const killers = new Map<string, number>()
const count = { made: 0, killed: 0, equivalent: 0, survived: 0, 'does not compile': 0, 'compiles to the same code': 0 }
const unmet = new Set(Object.keys(equivalents))
const say = (line: string) => values.quiet || console.log(line)
for (const mutant of mutantsOf(source).filter(({ name, operator }) => `${operator} ${name}`.includes(values.only))) {
  const title = `${String(mutant.line).padStart(3)}  ${mutant.name}`
  const reason = equivalents[mutant.name]
  unmet.delete(mutant.name)
  const fate = await fateOf(mutant, { compile: compileChannel, original, trials })
  if (fate.kind === 'none') {
    count[fate.why]++
    continue
  }
  count.made++
  if (fate.kind === 'killed') {
    count.killed++
    killers.set(fate.by, (killers.get(fate.by) ?? 0) + 1)
    say(`${title}\n       killed by “${fate.by}”: ${fate.because.slice(0, 120)}`)
    if (reason) console.log(`       BUT IT IS LISTED AS EQUIVALENT: ${reason}`)
    if (reason) process.exitCode = 1
  } else if (reason) {
    count.equivalent++
    say(`${title}\n       equivalent: ${reason}`)
  } else {
    count.survived++
    process.exitCode = 1
    console.log(`${title}\n       SURVIVED`)
  }
}
if (values.only === '' && unmet.size > 0) {
  process.exitCode = 1
  console.log(`listed as equivalent, but never made: ${[...unmet].join('; ')}`)
}
console.log(`\n${'mutants'.padStart(7)}  killed by`)
for (const [by, mutants] of [...killers].sort(([, a], [, b]) => b - a)) console.log(`${String(mutants).padStart(7)}  ${by}`)
console.log(
  `\nChannel: ${count.made} mutants in ${Math.round((performance.now() - begin) / 1000)} s: ${count.killed} killed, ${count.equivalent} equivalent, ${count.survived} survived`,
)
console.log(
  `not counted: ${count['does not compile']} that do not compile, ${count['compiles to the same code']} that compile to the same code`,
)
