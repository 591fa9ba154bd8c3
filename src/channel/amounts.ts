/** Amounts as people write them: TON with up to nine decimals. */
import { InvalidArgumentError } from 'commander'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'

/** Reads `2`, `0.5` or `1.000000001` TON from a command line. Throws commander's `InvalidArgumentError`, whose message says what to write. */
export function parseTon(text: string): Nanoton {
  const match = /^([0-9]{1,10})(?:\.([0-9]{1,9}))?$/.exec(text)
  if (!match) throw new InvalidArgumentError('It must be an amount in TON with up to nine decimals, such as 2 or 0.5.')
  try {
    return nanoton(BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0')))
  } catch {
    throw new InvalidArgumentError('It is more TON than there is.')
  }
}
