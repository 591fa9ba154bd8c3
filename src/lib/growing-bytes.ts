/**
 * Bytes that arrive in pieces, put together in one buffer as they come: no joining of everything at the end, which would hold
 * up the event loop for as long as copying the whole takes.
 */

const firstCapacity = 64 * 1024
const growth = 8

export class GrowingBytes {
  readonly #limit: number
  #bytes: Buffer | undefined
  #length = 0

  /**
   * `limit`: never more than so many bytes. `expected`: how many there will be, where that was said: they are set aside at
   * once, which costs nothing before they are written (the system gives memory by the page, when it is first touched).
   */
  constructor({ limit, expected }: { limit: number; expected?: number | undefined }) {
    this.#limit = limit
    if (expected !== undefined && expected > 0) this.#bytes = Buffer.allocUnsafeSlow(Math.min(expected, limit))
  }

  get length(): number {
    return this.#length
  }

  /** Copies `piece` to the end. Throws `RangeError` above the limit. */
  append(piece: Uint8Array): void {
    const end = this.#length + piece.length
    if (end > this.#limit) throw new RangeError(`more than ${this.#limit} bytes`)
    this.#room(end).set(piece, this.#length)
    this.#length = end
  }

  /** What came so far, not copied. Its array buffer is its own and may be given to another thread. */
  get bytes(): Buffer {
    return this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0)
  }

  /** From 4 MiB on the next step is the limit itself: what is not written is not there, and nothing large is ever copied. */
  #room(needed: number): Buffer {
    const old = this.#bytes
    if (old && old.length >= needed) return old
    const wanted = Math.max(needed, firstCapacity, (old?.length ?? 0) * growth)
    const grown = Buffer.allocUnsafeSlow(wanted > 4 * 1024 * 1024 ? this.#limit : Math.min(wanted, this.#limit))
    if (old) grown.set(old.subarray(0, this.#length))
    this.#bytes = grown
    return grown
  }
}
