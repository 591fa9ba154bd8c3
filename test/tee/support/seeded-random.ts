import { createHash } from 'node:crypto'
import type { Random } from '../../../src/tee/authority-keys.ts'

/** The same bytes every time: for tests that compare two runs. */
export function seededRandom(seed: string): Random {
  let drawn = 0
  return size => {
    const bytes = createHash('shake256', { outputLength: size }).update(`${seed} ${drawn++}`).digest()
    return bytes
  }
}
