/** A registry's items, sorted by what asks for them. */
import { nothingRegistered, type RegisteredValues } from '../attestation/index.ts'
import type { Item } from './items.ts'

/** What the items say to a policy's members that are left to a registry. */
export function policyValues(items: readonly Item[]): RegisteredValues {
  const values: Record<string, string[]> = Object.fromEntries(Object.keys(nothingRegistered).map(member => [member, []]))
  for (const item of items) {
    if (item.kind === 'measurement') values[item.register]!.push(item.value)
    if (item.kind === 'image') values.software_images!.push(`sha256:${item.digest}`)
    if (item.kind === 'weights') values['weights.digests']!.push(`sha256:${item.digest}`)
  }
  return values as unknown as RegisteredValues
}
