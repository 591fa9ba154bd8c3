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
import { findingsOf, isGood, type Tried } from './findings.ts'
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
const chosen = mutantsOf(source).filter(({ name, operator }) => `${operator} ${name}`.includes(values.only))
const tried: Tried[] = []
for (const mutant of chosen) {
  const { name, line } = mutant
  const fate = await fateOf(mutant, { compile: compileChannel, original, trials })
  tried.push({ name, fate })
  if (values.quiet || fate.kind === 'none') continue
  console.log(`${String(line).padStart(3)}  ${name}`)
  if (fate.kind === 'killed') console.log(`       killed by “${fate.by}”: ${fate.because.slice(0, 120)}`)
  else console.log(equivalents[name] ? `       equivalent: ${equivalents[name]}` : '       SURVIVED')
}

// A part of the mutants says nothing of reasons for the others.
const reasons = Object.entries(equivalents).filter(([name]) => values.only === '' || chosen.some(mutant => mutant.name === name))
const findings = findingsOf(tried, Object.fromEntries(reasons))
const { count, killers, unexplained, killedAlthoughListed, listedButNeverTried } = findings
console.log('\nmutants  killed by')
for (const [by, mutants] of killers) console.log(`${String(mutants).padStart(7)}  ${by}`)
const seconds = Math.round((performance.now() - begin) / 1000)
console.log(
  `\nChannel: ${count.made} mutants in ${seconds} s: ${count.killed} killed, ${count.equivalent} equivalent, ${count.survived} survived`,
)
console.log(
  `not counted: ${count['does not compile']} that do not compile, ${count['compiles to the same code']} that compile to the same code`,
)
for (const name of unexplained) console.log(`SURVIVED, and nobody says why: ${name}`)
for (const name of killedAlthoughListed) console.log(`killed, but listed as equivalent: ${name}`)
for (const name of listedButNeverTried) console.log(`listed as equivalent, but never made: ${name}`)
process.exitCode = isGood(findings) ? 0 : 1
