/**
 * A DER writer (X.690): just the types that certificates, revocation lists and Intel's SGX extension are made of.
 * It writes what it is told; which value belongs where is the business of `x509.ts` and `sgx-extension.ts`.
 */
import { concat } from '../lib/bytes.ts'

/** One element: tag, definite length in its shortest form (X.690 §10.1), contents. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = concat(...contents)
  return concat(Buffer.from([tag]), length(body.length), body)
}

function length(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size])
  const digits = size.toString(16)
  const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex')
  return concat(Buffer.from([0x80 | bytes.length]), bytes)
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => element(0x30, ...items)
export const set = (...items: readonly Uint8Array[]): Buffer => element(0x31, ...items)
export const octetString = (bytes: Uint8Array): Buffer => element(0x04, bytes)
export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text, 'utf8'))
export const printableString = (text: string): Buffer => element(0x13, Buffer.from(text, 'latin1'))
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]))

/** An INTEGER of the unsigned value that `value` spells, big-endian where it is bytes. */
export function integer(value: number | Uint8Array): Buffer {
  return element(0x02, magnitude(value))
}

/** An ENUMERATED: encoded as an INTEGER, under its own tag. */
export function enumerated(value: number): Buffer {
  return element(0x0a, magnitude(value))
}

/** The shortest two's complement form of an unsigned value: no leading zeros, but one where the first bit would make it negative. */
function magnitude(value: number | Uint8Array): Buffer {
  const hex = typeof value === 'number' ? value.toString(16) : Buffer.from(value).toString('hex')
  const digits = hex.replace(/^(?:00)+(?=..)/, '')
  const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex')
  return (bytes[0] ?? 0) & 0x80 ? concat(Buffer.from([0]), bytes) : bytes
}

/** A BIT STRING of whole bytes. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return element(0x03, Buffer.from([unusedBits]), bytes)
}

/** A BIT STRING of named bits: DER drops trailing zero bits (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits)
  const bytes = Buffer.alloc(Math.ceil((highest + 1) / 8))
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >> (bit & 7)
  return bitString(bytes, bytes.length * 8 - (highest + 1))
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80)
  return digits
}

/** A context-specific element that holds whole elements: `[n] EXPLICIT`, or `[n] IMPLICIT` of a constructed type. */
export function constructed(number: number, ...items: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...items)
}

/** A context-specific element in place of a primitive type: `[n] IMPLICIT`. */
export function primitive(number: number, contents: Uint8Array): Buffer {
  return element(0x80 | number, contents)
}

/** A Time of RFC 5280 §4.1.2.5: UTCTime up to the year 2049, GeneralizedTime from 2050. `at` in milliseconds, cut to seconds. */
export function time(at: number): Buffer {
  const digits = `${new Date(at).toISOString().slice(0, 19).replace(/\D/g, '')}Z`
  const short = new Date(at).getUTCFullYear() < 2050
  return short ? element(0x17, Buffer.from(digits.slice(2), 'latin1')) : element(0x18, Buffer.from(digits, 'latin1'))
}
