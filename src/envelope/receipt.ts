import type { Finish, Price, Usage } from './types.ts'

/** What a worker signed about one request. In a checkpoint `finish` is null. */
export interface Receipt {
  readonly rid: string
  readonly worker: string
  readonly keyset: string
  readonly model: string
  readonly weights: string | null
  readonly ctx: string
  readonly request: string
  readonly transcript: string
  readonly usage: Usage
  readonly cost: string
  readonly finish: Finish | null
  readonly channel: string
  readonly started: number
  readonly ended: number
}

export interface CheckpointExpectation {
  readonly rid: string
  readonly worker: string
  readonly keyset: string
  readonly model: string
  readonly weights: string | null
  readonly ctx: string
  readonly request: string
  readonly channel: string
  readonly price: Price
  readonly cap: string
  /** H of every response byte before the frame, hex: `transcript` of the event. */
  readonly transcript: string
}

export interface ReceiptExpectation extends CheckpointExpectation {
  /** As FINAL or ERROR says; null at a relay, which cannot read them. */
  readonly usage: Usage | null
  readonly finish: Finish | null
}

export function verifyReceipt(_payload: Uint8Array, _publicKey: Uint8Array, _expected: ReceiptExpectation): Receipt {
  throw new Error('not yet')
}

export function verifyCheckpoint(_payload: Uint8Array, _publicKey: Uint8Array, _expected: CheckpointExpectation): Receipt {
  throw new Error('not yet')
}
