/**
 * Byte strings: joining, integers in network order, hashing, and the strict text forms that our wire formats use.
 * Every decoder here accepts exactly one spelling of a value, so that two readers never disagree on what a text means.
 */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Joins byte strings into a new one. */
export function concat(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts)
}

/** The ASCII or UTF-8 bytes of a text. */
export function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

/** `value` as one unsigned byte. */
export function u8(value: number): Buffer {
  return unsigned(value, 1)
}

/** `value` as two unsigned bytes, big-endian. */
export function u16(value: number): Buffer {
  return unsigned(value, 2)
}

/** `value` as three unsigned bytes, big-endian. */
export function u24(value: number): Buffer {
  return unsigned(value, 3)
}

/** `value` as four unsigned bytes, big-endian. */
export function u32(value: number): Buffer {
  return unsigned(value, 4)
}

function unsigned(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUIntBE(value, 0, size)
  return bytes
}

/** SHA-256 over the concatenation of `parts`. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  return digest('sha256', parts)
}

/** SHA-384 over the concatenation of `parts`. */
export function sha384(...parts: readonly Uint8Array[]): Buffer {
  return digest('sha384', parts)
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Whether two byte strings are equal, in time that depends on their length only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Decodes lowercase hex, of exactly `size` bytes where given. Throws `RangeError` for anything else. */
export function fromHex(text: string, size?: number): Buffer {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new RangeError('not lowercase hex')
  return sized(Buffer.from(text, 'hex'), size)
}

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** Decodes canonical padded base64, of exactly `size` bytes where given. Throws `RangeError` for any other spelling. */
export function fromBase64(text: string, size?: number): Buffer {
  return canonical(text, 'base64', size)
}

/** base64url without padding. */
export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** Decodes canonical unpadded base64url, of exactly `size` bytes where given. Throws `RangeError` for any other spelling. */
export function fromBase64url(text: string, size?: number): Buffer {
  return canonical(text, 'base64url', size)
}

function canonical(text: string, encoding: 'base64' | 'base64url', size?: number): Buffer {
  const bytes = Buffer.from(text, encoding)
  if (bytes.toString(encoding) !== text) throw new RangeError(`not canonical ${encoding}`)
  return sized(bytes, size)
}

function sized(bytes: Buffer, size: number | undefined): Buffer {
  if (size !== undefined && bytes.length !== size) throw new RangeError(`expected ${size} bytes, got ${bytes.length}`)
  return bytes
}
