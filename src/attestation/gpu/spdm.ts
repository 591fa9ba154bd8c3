/**
 * The signed part of a GPU's evidence: an SPDM 1.1 GET_MEASUREMENTS request and its MEASUREMENTS response (DMTF DSP0274 §10.11),
 * one after the other, read to the last byte. Integers are little-endian.
 *
 *     request   version 0x11 · code 0xe0 · attributes 0x01 (signed) · operation 0xff (all) · nonce 32 · slot 1
 *     response  version 0x11 · code 0x60 · param1 · slot · blocks u8 · record length u24 · record · nonce 32
 *               · opaque length u16 · opaque · signature 96 (r || s)
 *     block     index u8 · specification 0x01 (DMTF) · size u16 · type u8 · value size u16 · value
 */
import { AttestationError } from '../errors.ts'

export interface SpdmReport {
  /** The requester's nonce: ours, or it proves nothing about now. */
  readonly nonce: Uint8Array
  /** By the index that reference manifests use, which is the block's less one. */
  readonly measurements: ReadonlyMap<number, Uint8Array>
  readonly opaque: Uint8Array
  /** Everything that the signature covers. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
}

const signatureSize = 96
/** DSP0274 caps opaque data at 1,024 bytes; real reports are 4 KB. */
const maxOpaque = 1024
const maxReport = 16 * 1024

/** Reads a report. Nothing in it is verified yet. Throws {@link AttestationError} `gpu-evidence-malformed`. */
export function parseSpdmReport(bytes: Uint8Array): SpdmReport {
  if (bytes.length > maxReport) throw malformed(`a report of ${bytes.length} bytes`)
  const reader = new Reader(bytes)
  reader.require([0x11, 0xe0, 0x01, 0xff], 'a signed SPDM 1.1 request for all measurements')
  const nonce = reader.take(32)
  const slot = reader.number(1)
  if (slot > 7) throw malformed(`a request for slot ${slot}`)

  reader.require([0x11, 0x60], 'an SPDM 1.1 measurements response')
  reader.take(1)
  if ((reader.number(1) & 0x0f) !== slot) throw malformed('a response of another slot')
  const blocks = reader.number(1)
  const measurements = readBlocks(reader.take(reader.number(3)), blocks)
  reader.take(32) // the responder's own nonce: signed, and of no use to us
  const opaqueSize = reader.number(2)
  if (opaqueSize > maxOpaque) throw malformed(`opaque data of ${opaqueSize} bytes`)
  const opaque = reader.take(opaqueSize)
  const signature = reader.take(signatureSize)
  reader.end()
  return { nonce, measurements, opaque, signedBytes: bytes.subarray(0, bytes.length - signatureSize), signature }
}

function readBlocks(record: Uint8Array, count: number): ReadonlyMap<number, Uint8Array> {
  const reader = new Reader(record)
  const found = new Map<number, Uint8Array>()
  let last = 0
  for (let n = 0; n < count; n++) {
    const index = reader.number(1)
    if (index <= last) throw malformed('measurements out of order')
    last = index
    reader.require([0x01], 'a DMTF measurement')
    const size = reader.number(2)
    reader.take(1)
    const valueSize = reader.number(2)
    if (valueSize + 3 !== size) throw malformed(`a measurement of ${valueSize} bytes in ${size}`)
    found.set(index - 1, reader.take(valueSize))
  }
  reader.end()
  return found
}

/** Takes bytes from the front; never past the end. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(size: number): Uint8Array {
    const end = this.#at + size
    if (end > this.#bytes.length) throw malformed('a report that is cut off')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  number(size: 1 | 2 | 3): number {
    return this.take(size).reduceRight((value, byte) => value * 256 + byte, 0)
  }

  require(expected: readonly number[], what: string): void {
    const found = this.take(expected.length)
    if (!expected.every((byte, index) => found[index] === byte)) throw malformed(`not ${what}`)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed(`${this.#bytes.length - this.#at} bytes after the end`)
  }
}

function malformed(why: string): AttestationError {
  return new AttestationError('gpu-evidence-malformed', `GPU evidence that cannot be read: ${why}`)
}
