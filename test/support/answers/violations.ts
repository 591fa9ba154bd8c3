/**
 * What was answered wrongly while a test ran. A check that throws inside of a server or of a stream would reach nobody, or
 * be taken for the failure that a test is about; so it is noted here, and every test file fails by it (./every-test.ts).
 */

const noted: Error[] = []

/** How much was checked in this process. It stands here, where the set-up of every test file reads it, so that none loads the schemas for it. */
export const checked = { answers: 0, events: 0 }

/** Notes what `check` throws. False where it has thrown: then there is no use in going on. */
export function noteViolations(check: () => void): boolean {
  try {
    check()
    return true
  } catch (violation) {
    noted.push(violation instanceof Error ? violation : new Error(String(violation)))
    return false
  }
}

/** Gives back what was noted, and forgets it. */
export function takeViolations(): readonly Error[] {
  return noted.splice(0)
}
