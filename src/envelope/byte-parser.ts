/**
 * Reading a format that arrives in pieces. The format is written down once, in order, as a generator that yields how many
 * bytes it needs next and gets exactly those; where the pieces end means nothing.
 */
export type Steps<Result> = Generator<number, Result, Buffer>

export class ByteParser<Result> {
  readonly #steps: Steps<Result>
  #pieces: Buffer[] = []
  #size = 0
  #need: number
  #done: { readonly result: Result } | undefined

  constructor(steps: Steps<Result>) {
    this.#steps = steps
    this.#need = this.#take(steps.next())
  }

  /** What the steps returned, once they have. */
  get result(): Result | undefined {
    return this.#done?.result
  }

  /** Bytes that came after the last step. */
  get surplus(): boolean {
    return this.#done !== undefined && this.#size > 0
  }

  /** Feeds a piece and runs every step it makes possible; what a step throws comes out. The piece is kept, not copied: it must not change afterwards. */
  push(piece: Uint8Array): void {
    if (piece.length > 0) {
      this.#pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
      this.#size += piece.length
    }
    while (!this.#done && this.#size >= this.#need) this.#need = this.#take(this.#steps.next(this.#cut(this.#need)))
  }

  #take(step: IteratorResult<number, Result>): number {
    if (!step.done) return step.value
    this.#done = { result: step.value }
    return 0
  }

  /** The next `size` bytes: a view where one piece has them, and each byte copied once where not. */
  #cut(size: number): Buffer {
    const first = this.#pieces[0] ?? Buffer.alloc(0)
    const joined = first.length >= size ? first : Buffer.concat(this.#pieces)
    if (joined !== first) this.#pieces = [joined]
    if (joined.length > size) this.#pieces[0] = joined.subarray(size)
    else this.#pieces.shift()
    this.#size -= size
    return joined.subarray(0, size)
  }
}
