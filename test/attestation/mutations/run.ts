/**
 * `npm run test:mutations`: every byte of quotes and of their collateral is changed, all bits of it and one by chance
 * (`--all-bits`: and each of the eight). Nothing may verify that did before, except at bytes that are listed as covered by no
 * signature. Prints counts; ends with 1 where something verifies that must not. CHRYSALIS_TDX_DATA adds real quotes.
 *
 *   --seed N   other bits by chance (1)
 */
import { parseArgs } from 'node:util'
import { chanceFrom } from '../../fuzz/harness/chance.ts'
import { defects, mutateEach } from './mutate.ts'
import { collateralSubjects, ownEvidence, quoteSubject, realEvidence } from './subjects.ts'

const { values } = parseArgs({ options: { 'all-bits': { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } } })
const data = process.env.CHRYSALIS_TDX_DATA
const evidence = [...ownEvidence, ...(data === undefined ? [] : realEvidence(data))]
// Our own quotes share their collateral: it is changed once.
const withCollateral = [ownEvidence[0]!, ...evidence.slice(ownEvidence.length)]
const subjects = [...evidence.map(quoteSubject), ...withCollateral.flatMap(collateralSubjects)]
const chance = chanceFrom(Number(values.seed), 'mutations')
const each = Array.from({ length: 8 }, (_, bit) => 1 << bit)
const masks = () => [0xff, ...(values['all-bits'] ? each : [1 << chance.below(8)])]

const started = performance.now()
let [bytes, changes, refused, passed, wrong] = [0, 0, 0, 0, 0]
const reasons = new Map<string, string>()
for (const subject of subjects) {
  const outcome = mutateEach(subject, masks)
  const bad = defects(outcome)
  const count = [...outcome.refused.values()].reduce((sum, number) => sum + number, 0)
  console.log(`${subject.name}: ${subject.bytes.length} bytes, ${outcome.changes} changes, ${count} refused`)
  const codes = [...outcome.refused].sort(([, a], [, b]) => b - a).map(([code, number]) => `${code} ${number}`)
  console.log(`  ${codes.join(', ')}`)
  for (const [what, survivors] of Map.groupBy(outcome.survivors, ({ uncovered }) => uncovered?.what ?? 'NOT LISTED')) {
    const offsets = [...new Set(survivors.map(({ offset }) => offset))]
    console.log(`  without effect: ${survivors.length} at ${what}, bytes ${offsets.join(' ')}`)
    const why = survivors[0]!.uncovered?.why
    if (why) reasons.set(what, why)
  }
  for (const { offset, mask } of bad) console.log(`  MUST NOT VERIFY: byte ${offset} ^ 0x${mask.toString(16)}`)
  bytes += subject.bytes.length
  changes += outcome.changes
  refused += count
  passed += outcome.survivors.length
  wrong += bad.length
}
console.log(`\n${subjects.length} files, ${bytes} bytes, ${changes} changes in ${((performance.now() - started) / 1000).toFixed(1)} s:`)
console.log(`${refused} refused, ${passed} without effect where no signature is, ${wrong} that must not be`)
for (const [what, why] of reasons) console.log(`  ${what}: ${why}`)
process.exit(wrong > 0 ? 1 : 0)
