import { BudgetShare, type ByteBudget } from '../lib/byte-budget.ts'

/** Buffers above this are a body's own: nothing else lies in them. */
const ownAbove = 256 * 1024

/** The body of a request while it is served, and its share of the memory that all bodies have together. */
export class RequestBody {
  readonly #share: BudgetShare
  #bytes: Buffer | undefined

  constructor(budget: ByteBudget) {
    this.#share = new BudgetShare(budget)
  }

  /** Whether there is memory for so many bytes in all. */
  cover(bytes: number): boolean {
    return this.#share.cover(bytes)
  }

  /** Puts the bytes in: read from the caller, or back from another thread. */
  put(bytes: Buffer): void {
    this.#bytes = bytes
  }

  /** Throws once the body was released. */
  get bytes(): Buffer {
    if (!this.#bytes) throw new Error('the body of a request was released')
    return this.#bytes
  }

  /** Nobody reads it any more. The memory of a large one goes back at once, not when the garbage is next collected. Safe to repeat. */
  release(): void {
    const { buffer, byteLength } = this.#bytes ?? Buffer.alloc(0)
    if (byteLength > ownAbove && buffer instanceof ArrayBuffer) buffer.transfer(0)
    this.#bytes = undefined
    this.#share.giveBack()
  }
}
