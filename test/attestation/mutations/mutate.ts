/** Every byte of a file changed once or more: what comes of it. */
import { isDeepStrictEqual } from 'node:util'
import { AttestationError } from '../../../src/attestation/index.ts'
import type { Subject, Uncovered } from './subjects.ts'

export interface Survivor {
  readonly offset: number
  readonly mask: number
  /** The listed reason, or none: then it is a defect. */
  readonly uncovered: Uncovered | undefined
  /** Whether what came out is what came of the file as it was. */
  readonly same: boolean
}

export interface Outcome {
  readonly changes: number
  /** How often each code refused. */
  readonly refused: ReadonlyMap<string, number>
  readonly survivors: readonly Survivor[]
}

/**
 * Changes every `stride`th byte by each of its `masks`, one at a time. Any error but an AttestationError is thrown on, with the
 * place where it came up.
 */
export function mutateEach(subject: Subject, masks: (offset: number) => readonly number[], stride = 1): Outcome {
  const { bytes, verify, uncovered } = subject
  const good = verify(Uint8Array.from(bytes))
  const refused = new Map<string, number>()
  const survivors: Survivor[] = []
  let changes = 0
  const changed = Uint8Array.from(bytes)
  for (let offset = 0; offset < bytes.length; offset += stride) {
    for (const mask of masks(offset)) {
      changes += 1
      changed[offset] = bytes[offset]! ^ mask
      try {
        const result = verify(Uint8Array.from(changed))
        survivors.push({ offset, mask, uncovered: uncovered.find(({ at }) => at(bytes, offset)), same: isDeepStrictEqual(result, good) })
      } catch (error) {
        if (!(error instanceof AttestationError)) throw new Error(`${subject.name}, byte ${offset} ^ ${mask}`, { cause: error })
        refused.set(error.code, (refused.get(error.code) ?? 0) + 1)
      }
    }
    changed[offset] = bytes[offset]!
  }
  return { changes, refused, survivors }
}

/** What must not be: bytes that may change without being listed, or that change what is said. */
export function defects({ survivors }: Outcome): Survivor[] {
  return survivors.filter(({ uncovered, same }) => uncovered === undefined || !same)
}
