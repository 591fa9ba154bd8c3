/**
 * Frames (spec, "Frames"):
 *
 *     type u8 || length u24 || payload
 *     sealed (type < 16): payload = AEAD(content length u24 || content || zero padding), aad = the four header bytes
 *     clear  (type >= 16): payload as it stands
 *
 * A seal's nonce is the base XOR a counter of the sealed frames of its direction, so that none can be moved, left out or sent twice.
 */
import { concat } from '../lib/bytes.ts'
import { nonceSize, open, seal, tagSize } from './aead.ts'
import { EnvelopeError } from './errors.ts'
import type { AeadKeys } from './key-schedule.ts'
import { contentPrefix, paddedSize } from './padding.ts'
import { defaultLimits, type EnvelopeLimits } from './types.ts'

export const frame = { data: 0, final: 1, error: 2, head: 4, checkpoint: 16, receipt: 17, auth: 18 } as const

export const headerSize = 4

/** Both directions begin with these bytes. */
export const magic = Buffer.from('CEP1', 'latin1')

/** Most bytes of plaintext that one frame of ours carries. */
export const maxPlaintext = defaultLimits.maxPayload - tagSize

export interface FrameHeader {
  readonly type: number
  /** Of the payload, bytes. */
  readonly length: number
}

/** Reads four header bytes. Throws `malformed` for a type that is not in `known` or a length that cannot be, `too-large` above the limit. */
export function parseHeader(bytes: Buffer, known: readonly number[], limits: EnvelopeLimits): FrameHeader {
  const type = bytes.readUInt8(0)
  const length = bytes.readUIntBE(1, 3)
  if (!known.includes(type)) throw new EnvelopeError('malformed', 'a frame of this type cannot stand here')
  if (length > limits.maxPayload) throw new EnvelopeError('too-large', `a frame is longer than ${limits.maxPayload} bytes`)
  if (isSealed(type) && length < contentPrefix + tagSize) throw new EnvelopeError('malformed', 'a sealed frame is too short')
  return { type, length }
}

export function isSealed(type: number): boolean {
  return type < 16
}

/** How many bytes a sealed frame takes that carries `content` bytes. */
export function sealedSize(content: number, cell: number | undefined): number {
  return headerSize + paddedSize(content, cell) + tagSize
}

/** A clear frame. */
export function clearFrame(type: number, payload: Uint8Array): Buffer {
  return concat(header(type, payload.length), payload)
}

/** Seals or opens the frames of one direction, in their order. */
export class FrameCipher {
  readonly #keys: AeadKeys
  readonly #nonce = Buffer.alloc(nonceSize)
  #counter = 0

  constructor(keys: AeadKeys) {
    this.#keys = keys
  }

  /** A sealed frame; its plaintext fills whole cells of `cell` bytes where that is given. */
  seal(type: number, content: Uint8Array, cell: number | undefined): Buffer {
    const plaintext = Buffer.allocUnsafe(paddedSize(content.length, cell))
    plaintext.writeUIntBE(content.length, 0, contentPrefix)
    plaintext.set(content, contentPrefix)
    plaintext.fill(0, contentPrefix + content.length)
    const start = header(type, plaintext.length + tagSize)
    const { ciphertext, tag } = seal(this.#keys.suite, this.#keys.key, this.#nextNonce(), start, plaintext)
    return concat(start, ciphertext, tag)
  }

  /** The content of a sealed frame. Throws `does-not-open`, or `malformed` for padding that is not zero. */
  open(start: Uint8Array, payload: Uint8Array): Buffer {
    const plaintext = open(this.#keys.suite, this.#keys.key, this.#nextNonce(), start, payload)
    const end = contentPrefix + plaintext.readUIntBE(0, contentPrefix)
    if (end > plaintext.length || !isZero(plaintext.subarray(end)))
      throw new EnvelopeError('malformed', 'the padding of a frame is not well formed')
    return plaintext.subarray(contentPrefix, end)
  }

  #nextNonce(): Buffer {
    this.#nonce.set(this.#keys.nonce)
    // Big-endian from the last byte; a double counts exactly for longer than any line lasts.
    for (let left = this.#counter++, at = nonceSize - 1; left > 0; left = Math.floor(left / 256), at--) {
      this.#nonce[at] = this.#nonce[at]! ^ (left & 0xff)
    }
    return this.#nonce
  }
}

function header(type: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(headerSize)
  bytes.writeUInt8(type, 0)
  bytes.writeUIntBE(length, 1, 3)
  return bytes
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}
