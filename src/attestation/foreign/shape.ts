/** Reading members of other people's documents: a shape, or a refusal that names the first member that is not as it must be. */
import { z } from 'zod'
import { AttestationError } from '../errors.ts'

/** Bytes in hex of either case, with or without `0x`: how Ethereum's tools write them. */
export const looseHex = (size: number) => z.string().regex(new RegExp(`^(?:0x)?[0-9a-fA-F]{${size * 2}}$`), `must be ${size} bytes in hex`)

/** A quote in hex. */
export const quoteHex = z
  .string()
  .max(32 * 1024)
  .regex(/^(?:0x)?(?:[0-9a-fA-F]{2})+$/, 'must be hex')

/** The bytes of hex that was checked to be such. */
export function bytesOfHex(text: string): Buffer {
  return Buffer.from(text.replace(/^0x/, ''), 'hex')
}

/** `value` in its shape. Throws {@link AttestationError} `evidence-malformed`, with `what` as the place. */
export function shaped<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw malformed(`${what}: ${[issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')}`)
}

export function malformed(why: string, cause?: unknown): AttestationError {
  return new AttestationError('evidence-malformed', `evidence that cannot be read: ${why}`, { cause })
}
