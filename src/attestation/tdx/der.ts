/**
 * A small, bounded DER reader (X.690): definite minimal lengths, nothing left over, a depth limit by construction (callers
 * descend one level at a time). It reads certificates, CRLs and Intel's SGX extension, and refuses everything else.
 */

import { latin1, toHex } from './bytes.ts'

/** One element. `raw` is the element whole, `contents` what is inside; both are views into the input. */
export interface Element {
  readonly tag: number
  readonly contents: Uint8Array
  readonly raw: Uint8Array
}

export const tags = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  enumerated: 10,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Bytes that are not DER of the expected form. Rooms above turn it into a code of theirs. */
export class DerError extends Error {}

/** The one element that `bytes` are. Throws {@link DerError}. */
export function readOne(bytes: Uint8Array, tag?: number): Element {
  const { element, end } = readAt(bytes, 0)
  if (end !== bytes.length) throw new DerError('bytes after the element')
  return expect(element, tag)
}

/** The elements inside a constructed one, at most `limit`. Throws {@link DerError}. */
export function readAll(bytes: Uint8Array, limit = 4096): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    if (elements.length === limit) throw new DerError('too many elements')
    const { element, end } = readAt(bytes, at)
    elements.push(element)
    at = end
  }
  return elements
}

/** Checks an element's tag. Throws {@link DerError}. */
export function expect(element: Element | undefined, tag: number | undefined): Element {
  if (!element) throw new DerError('an element is missing')
  if (tag !== undefined && element.tag !== tag) throw new DerError(`tag ${element.tag} in place of ${tag}`)
  return element
}

function readAt(bytes: Uint8Array, start: number): { element: Element; end: number } {
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined) throw new DerError('cut off')
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes')
  let at = start + 2
  let length = first
  if (first & 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 3) throw new DerError('an indefinite or huge length')
    length = 0
    for (let n = 0; n < count; n++) length = length * 256 + (bytes[at++] ?? Number.NaN)
    if (!(length >= (count === 1 ? 0x80 : 2 ** (8 * (count - 1))))) throw new DerError('a length that is not minimal')
  }
  const end = at + length
  if (end > bytes.length) throw new DerError('cut off')
  return { element: { tag, contents: bytes.subarray(at, end), raw: bytes.subarray(start, end) }, end }
}

/** An INTEGER of at most `maxBytes`, minimal, not negative. Throws {@link DerError}. */
export function readInteger(element: Element | undefined, maxBytes = 21, tag: number = tags.integer): bigint {
  const { contents } = expect(element, tag)
  const [first, second] = contents
  if (first === undefined || contents.length > maxBytes) throw new DerError('an integer of a wrong size')
  if (first & 0x80) throw new DerError('a negative integer')
  if (first === 0 && contents.length > 1 && !(second! & 0x80)) throw new DerError('an integer that is not minimal')
  return BigInt(`0x${toHex(contents)}`)
}

/** A small INTEGER or ENUMERATED as a number. */
export function readSmall(element: Element | undefined, tag: number = tags.integer): number {
  return Number(readInteger(element, 4, tag))
}

export function readBoolean(element: Element | undefined): boolean {
  const { contents } = expect(element, tags.boolean)
  if (contents.length !== 1 || (contents[0] !== 0 && contents[0] !== 0xff)) throw new DerError('not a DER boolean')
  return contents[0] === 0xff
}

/** A BOOLEAN DEFAULT FALSE: DER leaves the default out (X.690 §11.5), so one that stands there says true. */
export function readTrue(element: Element | undefined): true {
  if (!readBoolean(element)) throw new DerError('a default that is spelled out')
  return true
}

/** A BIT STRING of whole bytes. */
export function readBitString(element: Element | undefined): Uint8Array {
  const { contents } = expect(element, tags.bitString)
  if (contents[0] !== 0) throw new DerError('a bit string of part bytes')
  return contents.subarray(1)
}

/** An OBJECT IDENTIFIER in dotted form. */
export function readOid(element: Element | undefined): string {
  const { contents } = expect(element, tags.oid)
  const numbers: number[] = []
  let value = 0
  let begun = false
  for (const byte of contents) {
    if (!begun && byte === 0x80) throw new DerError('an object identifier that is not minimal')
    value = value * 128 + (byte & 0x7f)
    if (value > 2 ** 31) throw new DerError('a huge object identifier')
    begun = (byte & 0x80) !== 0
    if (begun) continue
    if (numbers.length === 0) numbers.push(Math.min(Math.floor(value / 40), 2), value - 40 * Math.min(Math.floor(value / 40), 2))
    else numbers.push(value)
    value = 0
  }
  if (begun || numbers.length === 0) throw new DerError('an object identifier that is cut off')
  return numbers.join('.')
}

/** UTCTime or GeneralizedTime in seconds and Z (RFC 5280 §4.1.2.5), as milliseconds since the epoch. */
export function readTime(element: Element | undefined): number {
  const { tag, contents } = expect(element, undefined)
  const text = latin1(contents)
  const match =
    tag === tags.utcTime
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
      : tag === tags.generalizedTime
        ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
        : null
  if (!match) throw new DerError('not a time')
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number, number, number]
  const full = tag === tags.utcTime ? (year < 50 ? 2000 + year : 1900 + year) : year
  const at = Date.UTC(full, month - 1, day, hour, minute, second)
  // Date.UTC carries 31 February over into March: a real date survives the way there and back.
  if (new Date(at).getUTCDate() !== day || new Date(at).getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59)
    throw new DerError('not a time')
  return at
}
