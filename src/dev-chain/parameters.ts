/** What methods take: toncenter's parameter types, read strictly, refused in its words (422). */
import { Address, Cell } from '@ton/core'
import { z } from 'zod'
import { DevChainError } from './errors.ts'

/** An address in any of its forms. */
export const address = z
  .string()
  .max(128)
  .transform((text, context) => {
    try {
      return Address.parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: `Failed to parse ton_addr: '${text}'` })
      return z.NEVER
    }
  })

/** A whole number, also as a string: large ones do not fit into JSON's. */
function whole(least: bigint, most: bigint) {
  return z
    .union([z.int().transform(String), z.string().regex(/^-?[0-9]{1,20}$/, 'not a whole number')])
    .transform(text => BigInt(text))
    .refine(value => value >= least && value <= most, 'out of range')
}

const least64 = -(1n << 63n)
const most64 = (1n << 63n) - 1n
/** Any signed 64-bit number. */
export const int64 = whole(least64, most64)
/** Any signed 32-bit number. */
export const int32 = whole(-(1n << 31n), (1n << 31n) - 1n).transform(Number)
/** A flag as toncenter takes it: nothing depends on it here, every endpoint has the whole history. */
export const flag = z.union([z.boolean(), z.literal(0), z.literal(1), z.enum(['true', 'false', '0', '1', 'True', 'False'])])

/** A 256-bit hash in hex, base64 or base64url; the empty string is none. */
export const hash = z
  .string()
  .max(64)
  .transform((text, context) => {
    if (text === '') return undefined
    const bytes =
      text.length === 64
        ? Buffer.from(text, 'hex')
        : text.length === 43 || text.length === 44
          ? Buffer.from(text, 'base64')
          : Buffer.alloc(0)
    const isWritten = /^[0-9a-fA-F]{64}$/.test(text) || /^[A-Za-z0-9+/_-]{43}=?$/.test(text)
    if (bytes.length === 32 && isWritten) return bytes
    context.addIssue({ code: 'custom', message: `invalid hash: '${text}'` })
    return z.NEVER
  })

/** Bytes in base64. */
export const bytes = z
  .string()
  .max(1024 * 1024)
  .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'invalid base64 encoded bytes')
  .transform(text => Buffer.from(text, 'base64'))

/** Reads a bag of cells with one root. Throws {@link DevChainError} `bad-request`. */
export function readCell(boc: Buffer, name: string): Cell {
  try {
    const [root, ...rest] = Cell.fromBoc(boc)
    if (root && rest.length === 0) return root
  } catch (cause) {
    throw new DevChainError('bad-request', `failed to parse ${name}: cannot deserialize bag-of-cells`, { cause })
  }
  throw new DevChainError('bad-request', `failed to parse ${name}: not one root cell`)
}

/** Refuses a well-formed request, as toncenter does. */
export function invalid(reason: string): DevChainError {
  return new DevChainError('bad-request', `failed to validate request: ${reason}`)
}

/** Reads `values` by `schema`. Throws {@link DevChainError} `bad-request` that names the member. */
export function readParameters<Schema extends z.ZodType>(schema: Schema, values: unknown, verb: 'get' | 'post'): z.output<Schema> {
  const parsed = schema.safeParse(values)
  if (parsed.success) return parsed.data
  const { path, message } = deepest(parsed.error.issues)
  throw new DevChainError('bad-request', `failed to parse ${verb} request: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`)
}

type Issue = z.core.$ZodIssue

// Of a union, the complaint of the alternative that got furthest says most.
function deepest(issues: readonly Issue[]): { path: PropertyKey[]; message: string } {
  const [issue] = issues
  if (!issue) return { path: [], message: 'invalid' }
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue
  const inner = issue.errors.map(deepest).toSorted((a, b) => Number(isTypeError(a.message)) - Number(isTypeError(b.message)))[0]
  return inner ? { path: [...issue.path, ...inner.path], message: inner.message } : issue
}

function isTypeError(message: string): boolean {
  return message.startsWith('Invalid input')
}
