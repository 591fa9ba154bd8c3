/** HKDF-SHA256 (RFC 5869) in its two steps. Between them keys live in key objects: raw bytes as a key cost HMAC five times as much. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { utf8 } from '../lib/bytes.ts'

const one = Buffer.of(1)

/** HKDF-Extract. */
export function extract(salt: Uint8Array, inputKey: Uint8Array): KeyObject {
  return createSecretKey(createHmac('sha256', createSecretKey(salt)).update(inputKey).digest())
}

/** HKDF-Expand to at most 32 bytes, which is one block: all this format ever asks for. */
export function expand(prk: KeyObject, info: Uint8Array | string, length: number): Buffer {
  if (length > 32) throw new RangeError('one block of HKDF-SHA256 is 32 bytes')
  const block = createHmac('sha256', prk)
    .update(typeof info === 'string' ? utf8(info) : info)
    .update(one)
    .digest()
  return length === 32 ? block : block.subarray(0, length)
}
