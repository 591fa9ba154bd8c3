/**
 * Byte strings where there is no Node: the few operations that verification needs, on `Uint8Array` and nothing else. Decoders
 * take one spelling of a value, so that two readers never disagree on what a text means.
 */

/** Joins byte strings into a new one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Whether two byte strings are the same. Not in constant time: nothing that is compared here is secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexOf[byte]
  return text
}

/** The bytes of hex in either case, which the caller has checked to be hex of whole bytes. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (nibble(text.charCodeAt(2 * at)) << 4) | nibble(text.charCodeAt(2 * at + 1))
  return bytes
}

/** The value of a hex digit: `0` is 0x30, `A` 0x41, `a` 0x61. */
function nibble(code: number): number {
  return (code & 0x0f) + (code & 0x40 ? 9 : 0)
}

/** Each byte as the character of its number (ISO 8859-1), so that no byte is lost. */
export function latin1(bytes: Uint8Array): string {
  const character: (...codes: number[]) => string = String.fromCharCode
  let text = ''
  // In pieces, because each byte is an argument; spread, they would be copied one by one first.
  for (let at = 0; at < bytes.length; at += 4096) text += Reflect.apply(character, undefined, bytes.subarray(at, at + 4096))
  return text
}

const utf8 = new TextEncoder()

export function fromUtf8(text: string): Uint8Array {
  return utf8.encode(text)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const digits = new Int8Array(128).fill(-1)
for (const [value, character] of Array.from(alphabet).entries()) digits[character.charCodeAt(0)] = value

/** Canonical padded base64 (RFC 4648 §4, with the zero bits of §3.5); `undefined` for any other spelling. */
export function fromBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (text.length % 4 !== 0) return undefined
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  const end = text.length - (padding > 0 ? 4 : 0)
  let at = 0
  for (let index = 0; index < end; index += 4) {
    const bits = (digit(text, index) << 18) | (digit(text, index + 1) << 12) | (digit(text, index + 2) << 6) | digit(text, index + 3)
    // What is no digit is all ones, and makes the whole negative.
    if (bits < 0) return undefined
    bytes[at] = bits >> 16
    bytes[at + 1] = bits >> 8
    bytes[at + 2] = bits
    at += 3
  }
  if (padding === 0) return bytes
  const bits = (digit(text, end) << 12) | (digit(text, end + 1) << 6) | (padding === 1 ? digit(text, end + 2) : 0)
  if (bits < 0 || (bits & (padding === 1 ? 0x3 : 0x3ff)) !== 0) return undefined
  bytes[at] = bits >> 10
  if (padding === 1) bytes[at + 1] = bits >> 2
  return bytes
}

/** The value of the digit at `index`, or -1. */
function digit(text: string, index: number): number {
  return digits[text.charCodeAt(index)] ?? -1
}
