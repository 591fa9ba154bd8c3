/**
 * What was answered wrongly while a test ran. A check that throws inside of a server or of a stream would reach nobody, or
 * be taken for the failure that a test is about; so it is noted here, and every test file fails by it (./every-test.ts).
 */

const noted: Error[] = []

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
