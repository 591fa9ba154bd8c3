/** The building blocks of a policy's members, and what a rule says of a worker. */
import { z } from 'zod'

/** One rule, applied: what was looked at, whether it is as the policy asks, and if not, why. */
export interface Judgement {
  readonly name: string
  readonly ok: boolean
  /** For people; read where `ok` is false. */
  readonly reason: string
}

/** Exactly `size` bytes in lowercase hex. */
export const hexOf = (size: number) => z.string().regex(new RegExp(`^[0-9a-f]{${size * 2}}$`), `must be ${size} bytes in lowercase hex`)

export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')

/** An allow-list: never empty. */
export const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).min(1, 'an empty allow-list accepts nothing; name a value')

/** An allow-list, or everything, in so many letters. */
export const listOrAny = <Item extends z.ZodType>(item: Item) =>
  z.union(
    [z.literal('any'), z.array(item).min(1, 'an empty allow-list accepts nothing; name a value or say "any"')],
    'must be a list, or "any"',
  )

/** Whether an allow-list has `value`. */
export function allows<Value>(list: 'any' | readonly Value[], value: Value): boolean {
  return list === 'any' || list.includes(value)
}
