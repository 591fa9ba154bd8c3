/** What there is to fuzz: one target is one reader of bytes that somebody else chose. */
import { AttestationError, attestationErrorCodes } from '../../../src/attestation/index.ts'
import type { Chance } from './chance.ts'

export interface FuzzTarget {
  /** For `--target`. */
  readonly name: string
  /** Genuine inputs, from which all others are made. `corpus` is the folder of CHRYSALIS_TDX_DATA, where there is one. */
  seeds(corpus: string | undefined): readonly Uint8Array[]
  /** Reads one input. Returns, or throws a refusal; any other error is a finding, an assertion of the target's own too. May be awaited. */
  run(input: Uint8Array): void | Promise<void>
  /** Whether an error is a refusal: of the closed set that the reader promises. */
  isRefusal(error: unknown): boolean
  /** Source files, from the top of the checkout, whose coverage counts as this target's. */
  readonly sources: readonly string[]
  /** Words of the format: they are put into inputs, at random places. */
  readonly words?: readonly (string | Uint8Array)[]
  /** A change that knows the format, and so keeps sizes and the like right; used for half of all inputs. */
  readonly change?: (input: Uint8Array, chance: Chance, other: Uint8Array) => Uint8Array
  /** Bytes of the largest input (16 KB unless given). */
  readonly maxBytes?: number
  /** An input that takes longer than this, in milliseconds, is a finding (10 unless given, which is what 16 KB may take). */
  readonly slowMs?: number
}

/** The refusals of the attestation room: an AttestationError, with a code of the closed set. */
export function isAttestationRefusal(error: unknown): boolean {
  return error instanceof AttestationError && attestationErrorCodes.includes(error.code)
}
