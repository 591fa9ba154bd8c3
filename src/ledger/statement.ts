/**
 * The statement of a channel: each posted debit is an entry that carries the hash of the one before, so the newest hash
 * stands for the whole history. A claim carries it on chain as `root`; there is one statement for everybody and no going back.
 *
 *     entry hash = SHA-256("chrysalis statement v1" || JSON {"seq","rid","receipt","cost","spent","prev"})
 *
 * with `receipt` and `prev` in lowercase hex, amounts as decimal strings, members in this order, no white space.
 */
import { sha256, toHex, utf8 } from '../lib/bytes.ts'

export interface StatementEntry {
  /** Counts from 1 within a channel. */
  readonly seq: number
  readonly rid: string
  /** SHA-256 of the receipt's bytes. */
  readonly receiptHash: Uint8Array
  readonly cost: bigint
  /** Spent in all, this entry included. */
  readonly spent: bigint
  /** Hash of the entry before; 32 zero bytes in the first. */
  readonly prev: Uint8Array
}

/** What the first entry has for `prev`, and a channel without entries for a root. */
export const emptyRoot: Buffer = Buffer.alloc(32)

/** The hash of an entry: 32 bytes. */
export function entryHash(entry: StatementEntry): Buffer {
  const { seq, rid, receiptHash, cost, spent, prev } = entry
  const text = JSON.stringify({ seq, rid, receipt: toHex(receiptHash), cost: cost.toString(), spent: spent.toString(), prev: toHex(prev) })
  return sha256(utf8('chrysalis statement v1'), utf8(text))
}
