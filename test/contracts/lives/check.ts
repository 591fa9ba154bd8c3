/** Random lives, by seed: the same seed and counts live the same lives, and what fails is shrunk to its least. */
import fc from 'fast-check'
import { live, type Options } from './conformance.ts'
import { lives } from './steps.ts'

export interface Runs {
  readonly seed: number
  readonly runs: number
  /** The most steps in one life. */
  readonly longest: number
  /** Whether what fails is shrunk; false where it matters only that it fails. */
  readonly shrink?: boolean
}

/** Lives `runs` random lives. Throws with the shrunken steps, the seed and the path to repeat them. */
export async function checkLives(options: Options, { seed, runs, longest, shrink = true }: Runs): Promise<void> {
  await fc.assert(
    fc.asyncProperty(lives(longest), steps => live(steps, options)),
    { seed, numRuns: runs, endOnFailure: !shrink },
  )
}
