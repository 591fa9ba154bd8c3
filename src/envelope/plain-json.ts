/**
 * JSON in its plain form: exactly the bytes that `JSON.stringify` writes for the value. One text per value, so that two
 * readers never see two things in it: no white space, no repeated member, no second spelling of a number or a string.
 */
import { EnvelopeError } from './errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** The plain form of a value. */
export function encodePlain(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8')
}

/** Reads an object in its plain form. Throws `malformed`. What the parser says is not kept: it quotes the text. */
export function parsePlain(bytes: Uint8Array, what: string): JsonObject {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let value: unknown
  let plain = false
  try {
    value = JSON.parse(buffer.toString('utf8'))
    // Comparing bytes also refuses what is not UTF-8: it was replaced while reading.
    plain = encodePlain(value).equals(buffer)
  } catch {
    // Not JSON, or nested too deep to be written again.
  }
  if (!plain || !isObject(value)) throw new EnvelopeError('malformed', `${what} is not a JSON object in its plain form`)
  return value
}

/** Checks that `value` is an object with exactly these members. Throws `malformed`. */
export function exactly(value: unknown, members: readonly string[], what: string): JsonObject {
  if (!isObject(value)) throw new EnvelopeError('malformed', `${what} is not an object`, { member: what })
  for (const member of members) {
    if (!Object.hasOwn(value, member)) throw new EnvelopeError('malformed', `${what} has no member ${member}`, { member })
  }
  if (Object.keys(value).length !== members.length) throw new EnvelopeError('malformed', `${what} has a member too many`)
  return value
}

/** Throws `malformed` for `member` unless `holds`. */
export function check(holds: boolean, member: string, what: string): asserts holds {
  if (!holds) throw new EnvelopeError('malformed', `${member} of ${what} is not well formed`, { member })
}

/** An integer from 0 that a double holds exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** A string with something in it. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
