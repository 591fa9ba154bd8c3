/**
 * A small, bounded DER reader (X.690): definite minimal lengths, nothing left over, a depth limit by construction (callers
 * descend one level at a time). It reads certificates, CRLs and Intel's SGX extension, and refuses everything else.
 */

import { toHex } from './bytes.ts'

/** One element. `raw` is the element whole, `contents` what is inside; both are views into the input, made when they are asked for. */
export class Element {
  readonly tag: number
  /** Where the element, its contents and the next element begin. */
  readonly start: number
  readonly inside: number
  readonly end: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, tag: number, start: number, inside: number, end: number) {
    this.#bytes = bytes
    this.tag = tag
    this.start = start
    this.inside = inside
    this.end = end
  }

  get contents(): Uint8Array {
    return this.#bytes.subarray(this.inside, this.end)
  }

  get raw(): Uint8Array {
    return this.#bytes.subarray(this.start, this.end)
  }
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
  const element = readAt(bytes, 0)
  if (element.end !== bytes.length) throw new DerError('bytes after the element')
  return expect(element, tag)
}

/** The elements inside a constructed one, at most `limit`. Throws {@link DerError}. */
export function readAll(bytes: Uint8Array, limit = 4096): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    if (elements.length === limit) throw new DerError('too many elements')
    const element = readAt(bytes, at)
    elements.push(element)
    at = element.end
  }
  return elements
}

/** Checks an element's tag. Throws {@link DerError}. */
export function expect(element: Element | undefined, tag: number | undefined): Element {
  if (!element) throw new DerError('an element is missing')
  if (tag !== undefined && element.tag !== tag) throw new DerError(`tag ${element.tag} in place of ${tag}`)
  return element
}

function readAt(bytes: Uint8Array, start: number): Element {
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
  return new Element(bytes, tag, start, at, end)
}

/** An INTEGER of at most `maxBytes`, minimal, not negative. Throws {@link DerError}. */
export function readInteger(element: Element | undefined, maxBytes = 21): bigint {
  return BigInt(`0x${toHex(integerBytes(element, maxBytes, tags.integer))}`)
}

/** A small INTEGER or ENUMERATED as a number. */
export function readSmall(element: Element | undefined, tag: number = tags.integer): number {
  return integerBytes(element, 4, tag).reduce((value, byte) => value * 256 + byte, 0)
}

function integerBytes(element: Element | undefined, maxBytes: number, tag: number): Uint8Array {
  const { contents } = expect(element, tag)
  const [first, second] = contents
  if (first === undefined || contents.length > maxBytes) throw new DerError('an integer of a wrong size')
  if (first & 0x80) throw new DerError('a negative integer')
  if (first === 0 && contents.length > 1 && !(second! & 0x80)) throw new DerError('an integer that is not minimal')
  return contents
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
  let text = ''
  let value = 0
  let begun = false
  for (const byte of contents) {
    if (!begun && byte === 0x80) throw new DerError('an object identifier that is not minimal')
    value = value * 128 + (byte & 0x7f)
    if (value > 2 ** 31) throw new DerError('a huge object identifier')
    begun = (byte & 0x80) !== 0
    if (begun) continue
    // The first two arcs share a number (X.690 §8.19.4).
    const first = Math.min(Math.floor(value / 40), 2)
    text = text === '' ? `${first}.${value - 40 * first}` : `${text}.${value}`
    value = 0
  }
  if (begun || text === '') throw new DerError('an object identifier that is cut off')
  return text
}

/** UTCTime or GeneralizedTime in seconds and Z (RFC 5280 §4.1.2.5), as milliseconds since the epoch. */
export function readTime(element: Element | undefined): number {
  const { tag, contents } = expect(element, undefined)
  const yearDigits = tag === tags.utcTime ? 2 : tag === tags.generalizedTime ? 4 : 0
  if (yearDigits === 0 || contents.length !== yearDigits + 11 || contents.at(-1) !== 0x5a) throw new DerError('not a time')
  const two = (index: number) => twoDigits(contents, yearDigits - 2 + 2 * index)
  const [year, month, day, hour, minute, second] = [two(0), two(1), two(2), two(3), two(4), two(5)]
  const century = yearDigits === 4 ? twoDigits(contents, 0) : year < 50 ? 20 : 19
  const full = 100 * century + year
  const at = Date.UTC(full, month - 1, day, hour, minute, second)
  // Date.UTC carries 31 February over into March: a real date survives the way there and back.
  const date = new Date(at)
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59)
    throw new DerError('not a time')
  return at
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30
  const ones = bytes[at + 1]! - 0x30
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw new DerError('not a time')
  return 10 * tens + ones
}
