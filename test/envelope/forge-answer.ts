/** Answers put together by hand, by a worker who keeps to no rule but the keys. */
import { clearFrame, FrameCipher, frame, magic } from '../../src/envelope/frames.ts'
import { costOf, type Finish, type OpenedRequest, type Receipt, type Usage } from '../../src/envelope/index.ts'
import { responseKeys } from '../../src/envelope/key-schedule.ts'
import { signStatement } from '../../src/envelope/receipt.ts'
import { concat, fromHex, sha256, toHex, utf8 } from '../../src/lib/bytes.ts'
import { keyset, now, receiptSigner, worker } from './sample.ts'

export const json = (value: unknown) => utf8(JSON.stringify(value))

/** Collects the frames of one answer; everything it signs is over what it collected so far. */
export class AnswerForger {
  readonly #request: OpenedRequest
  readonly #cipher: FrameCipher
  readonly #parts: Buffer[]

  constructor(request: OpenedRequest, kid = request.kid) {
    const rn = Buffer.alloc(32, 6)
    this.#request = request
    this.#cipher = new FrameCipher(responseKeys(request.reply, request.requestDigest, rn))
    this.#parts = [magic, fromHex(kid, 8), rn]
  }

  get bytes(): Buffer {
    return concat(...this.#parts)
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes)
    return this
  }

  sealed(type: number, content: unknown): this {
    return this.raw(this.#cipher.seal(type, Buffer.isBuffer(content) ? content : json(content), undefined))
  }

  head(): this {
    return this.sealed(frame.head, { status: 200, content_type: 'a/b' })
  }

  data(text: string): this {
    return this.sealed(frame.data, utf8(text))
  }

  final(usage: Usage): this {
    return this.sealed(frame.final, { finish: 'stop', usage })
  }

  error(usage: Usage): this {
    return this.sealed(frame.error, { status: 500, error: { message: '', type: 'x', param: null, code: null }, usage })
  }

  /** A statement over what was collected so far; `finish` null makes it a checkpoint's. */
  statement(finish: Finish | null, usage: Usage, changes: Partial<Receipt> = {}): Buffer {
    const { context, contextDigest, requestDigest } = this.#request
    const { rid, model, weights, channel, price } = context
    return signStatement(
      {
        ...{ rid, worker, keyset, model, weights, channel, finish, usage },
        ...{ ctx: toHex(contextDigest), request: toHex(requestDigest), transcript: toHex(sha256(this.bytes)) },
        ...{ cost: costOf(usage, price).toString(), started: now, ended: now },
        ...changes,
      },
      receiptSigner,
    )
  }

  checkpoint(usage: Usage): this {
    return this.raw(clearFrame(frame.checkpoint, this.statement(null, usage)))
  }

  receipt(usage: Usage, finish: Finish = 'stop'): this {
    return this.raw(clearFrame(frame.receipt, this.statement(finish, usage)))
  }
}
