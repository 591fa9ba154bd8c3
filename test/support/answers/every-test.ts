/** Stands before every test file: whoever asked, and however, a test in which an answer broke its description fails. */
import { afterAll, afterEach } from 'vitest'
import { checked, takeViolations } from './violations.ts'

function failByViolations(): void {
  const violations = takeViolations()
  if (violations.length === 1) throw violations[0]!
  if (violations.length > 1) throw new AggregateError(violations, violations.map(({ message }) => message).join('\n'))
}

afterEach(failByViolations)
// biome-ignore lint/correctness/noEmptyPattern: vitest wants fixtures destructured, also where none is used.
afterAll(({}, suite) => {
  // The reporter adds them up.
  Object.assign(suite.file.meta, { checkedAnswers: checked.answers, checkedEvents: checked.events })
  // The next file of this worker begins anew.
  Object.assign(checked, { answers: 0, events: 0 })
  failByViolations()
})
