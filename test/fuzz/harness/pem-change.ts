/** A change inside a PEM text: one of its certificates is decoded, changed as DER, and written back as the text it was. */
import type { Chance } from './chance.ts'
import { changeDer } from './der-change.ts'

const block = /-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----/g

export function changePem(input: Uint8Array, chance: Chance, other: Uint8Array): Uint8Array {
  const text = Buffer.from(input).toString('latin1')
  const [mine, theirs] = [Array.from(text.matchAll(block)), Array.from(Buffer.from(other).toString('latin1').matchAll(block))]
  if (mine.length === 0) return input
  const at = chance.pick(mine)
  const donor = Buffer.from(chance.pick(theirs.length > 0 ? theirs : mine)[1]!, 'base64')
  const changed = changeDer(Buffer.from(at[1]!, 'base64'), chance, donor)
  const lines = Buffer.from(changed)
    .toString('base64')
    .replace(/(.{64})(?!$)/g, '$1\n')
  const whole = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----`
  return Buffer.from(text.slice(0, at.index) + whole + text.slice(at.index + at[0].length), 'latin1')
}
