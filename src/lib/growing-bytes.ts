/**
 * Bytes that arrive in pieces, put together in one buffer as they come: no joining of everything at the end, which would hold
 * up the event loop for as long as copying the whole takes. A single piece stays what it is.
 */

const firstCapacity = 64 * 1024
const growth = 8
/** From here on the next step is the limit itself: what is not written takes no memory, and nothing large is ever copied. */
const lastStep = 4 * 1024 * 1024

export class GrowingBytes {
  readonly #limit: number
  readonly #expected: number
  #single: Buffer | undefined
  #bytes: Buffer | undefined
  #length = 0

  /**
   * `limit`: never more than so many bytes. `expected`: how many there will be, where that was said: they are set aside at
   * once, which costs nothing before they are written (the system gives memory by the page, when it is first touched).
   */
  constructor({ limit, expected }: { limit: number; expected?: number | undefined }) {
    this.#limit = limit
    this.#expected = Math.min(expected ?? 0, limit)
  }

  get length(): number {
    return this.#length
  }

  /** Adds `piece`, which must not change afterwards. Throws `RangeError` above the limit. */
  append(piece: Uint8Array): void {
    const end = this.#length + piece.length
    if (end > this.#limit) throw new RangeError(`more than ${this.#limit} bytes`)
    if (this.#length === 0) {
      this.#single = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    } else if (piece.length > 0) {
      if (this.#single) this.#room(this.#length).set(this.#single)
      this.#single = undefined
      this.#room(end).set(piece, this.#length)
    }
    this.#length = end
  }

  /** What came so far, not copied: a single piece itself, else in an array buffer of its own. */
  get bytes(): Buffer {
    return this.#single ?? this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0)
  }

  #room(needed: number): Buffer {
    const old = this.#bytes
    if (old && old.length >= needed) return old
    const wanted = Math.max(needed, this.#expected, firstCapacity, (old?.length ?? 0) * growth)
    const isStep = wanted !== this.#expected && wanted > lastStep
    const grown = Buffer.allocUnsafeSlow(isStep ? this.#limit : Math.min(wanted, this.#limit))
    if (old) grown.set(old.subarray(0, this.#length))
    this.#bytes = grown
    return grown
  }
}
