/** Random lives, by seed: the same seed and counts live the same lives, and what fails is shrunk to its least. */
import fc from 'fast-check'
import { live, type Options } from './conformance.ts'
import { lives, type Step } from './steps.ts'

export interface Runs {
  readonly seed: number
  readonly runs: number
  /** The most steps in one life. */
  readonly longest: number
}

/** Lives `runs` random lives. Throws with the shrunken steps, the seed and the path to repeat them. */
export async function checkLives(options: Options, { seed, runs, longest }: Runs): Promise<void> {
  await fc.assert(
    fc.asyncProperty(lives(longest), steps => live(steps, options)),
    { seed, numRuns: runs },
  )
}

/** Whether `steps`, or a random life, shows that the code is not the contract: the reason, or `undefined`. */
export async function findDivergence(
  options: Options,
  scripts: Iterable<readonly Step[]>,
  { seed, runs, longest }: Runs,
): Promise<string | undefined> {
  try {
    for (const steps of scripts) await live(steps, options)
    const property = fc.asyncProperty(lives(longest), steps => live(steps, options))
    // A mutant is dead at the first difference; how small it can be made does not matter.
    const outcome = await fc.check(property, { seed, numRuns: runs, endOnFailure: true })
    return outcome.failed ? String(outcome.errorInstance) : undefined
  } catch (error) {
    return String(error)
  }
}
