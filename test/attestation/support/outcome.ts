import { AttestationError } from '../../../src/attestation/index.ts'

/** The code with which `work` is refused, or `accepted`. Any other error is thrown on: nothing else may ever come out. */
export function outcome(work: () => unknown): string {
  try {
    work()
    return 'accepted'
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

/** As {@link outcome}, of work that is awaited. */
export async function eventualOutcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    error => outcome(() => raise(error)),
  )
}

function raise(error: unknown): never {
  throw error
}
