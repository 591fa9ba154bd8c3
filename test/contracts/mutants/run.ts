/**
 * `npm run mutants`: each contract is made wrong in one place after another, compiled by the compiler that the tests use, and put through
 * the tests on the TVM until one fails. Prints each mutant and what killed it; ends with 1 where one survives that is not shown to be
 * equivalent.
 *
 *   --contract NAME   one contract: Channel or Registry
 *   --only WORDS      the mutants whose name or operator has these words
 *   --lives N         random lives for what the scripted ones leave (100)
 *   --quiet           the counts alone
 */
import { parseArgs } from 'node:util'
import { createMachine, type Machine } from '../machine.ts'
import { contracts, type MutatedContract } from './contracts.ts'
import { findingsOf, isGood, type Tried } from './findings.ts'
import { fateOf } from './kill.ts'
import { mutantsOf } from './make.ts'

const { values } = parseArgs({
  options: {
    contract: { type: 'string' },
    only: { type: 'string', default: '' },
    lives: { type: 'string', default: '100' },
    quiet: { type: 'boolean', default: false },
  },
})
const machine = await createMachine()
const chosen = contracts.filter(({ title }) => values.contract === undefined || title === values.contract)
if (chosen.length === 0) throw new Error(`--contract: one of ${contracts.map(({ title }) => title).join(', ')}`)
for (const contract of chosen) if (!(await tryAll(contract, machine))) process.exitCode = 1

async function tryAll({ title, source, compile, trials: trialsOf, equivalents }: MutatedContract, machine: Machine): Promise<boolean> {
  const trials = trialsOf(machine, Number(values.lives))
  const original = await compile()
  for (const { run } of trials) await run(original)

  const begin = performance.now()
  const mutants = mutantsOf(source).filter(({ name, operator }) => `${operator} ${name}`.includes(values.only))
  const tried: Tried[] = []
  for (const mutant of mutants) {
    const { name, line } = mutant
    const fate = await fateOf(mutant, { compile, original, trials })
    tried.push({ name, fate })
    if (values.quiet || fate.kind === 'none') continue
    console.log(`${String(line).padStart(3)}  ${name}`)
    if (fate.kind === 'killed') console.log(`       killed by “${fate.by}”: ${fate.because.slice(0, 120)}`)
    else console.log(equivalents[name] ? `       equivalent: ${equivalents[name]}` : '       SURVIVED')
  }

  // A part of the mutants says nothing of reasons for the others.
  const reasons = Object.entries(equivalents).filter(([name]) => values.only === '' || mutants.some(mutant => mutant.name === name))
  const findings = findingsOf(tried, Object.fromEntries(reasons))
  print(title, findings, Math.round((performance.now() - begin) / 1000))
  return isGood(findings)
}

function print(title: string, findings: ReturnType<typeof findingsOf>, seconds: number): void {
  const { count, killers, unexplained, killedAlthoughListed, listedButNeverTried } = findings
  console.log('\nmutants  killed by')
  for (const [by, mutants] of killers) console.log(`${String(mutants).padStart(7)}  ${by}`)
  console.log(
    `\n${title}: ${count.made} mutants in ${seconds} s: ${count.killed} killed, ${count.equivalent} equivalent, ${count.survived} survived`,
  )
  console.log(
    `not counted: ${count['does not compile']} that do not compile, ${count['compiles to the same code']} that compile to the same code`,
  )
  for (const name of unexplained) console.log(`SURVIVED, and nobody says why: ${name}`)
  for (const name of killedAlthoughListed) console.log(`killed, but listed as equivalent: ${name}`)
  for (const name of listedButNeverTried) console.log(`listed as equivalent, but never made: ${name}`)
}
