/** How the model of the channel reads cells: what it cannot read it refuses, with the exit code that the TVM has for it. */
import { verify } from 'node:crypto'
import { Address, type Cell, CellType, type Slice } from '@ton/core'
import { ed25519PublicKey } from '../../src/lib/ed25519.ts'

/** Why the channel would throw. */
export class Refusal {
  readonly exit: number
  constructor(exit: number) {
    this.exit = exit
  }
}

/** Reads `tag chain:int32 channel:MsgAddressInt amount:Coins` and `more` bits, to the very end. */
export function signedAmount(cell: Cell, tag: number, more: number): { chain: number; address: Address; amount: bigint } {
  const slice = ordinary(cell)
  need(slice.remainingBits >= 32 && slice.loadUint(32) === tag, 63)
  return strictly(() => {
    const parts = { chain: slice.loadInt(32), address: standardAddress(slice), amount: slice.loadCoins() }
    slice.skip(more).endParse()
    return parts
  })
}

/** `addr_std` without anycast, as the TVM reads it; the library at hand passes over anycast. */
export function standardAddress(slice: Slice): Address {
  need(slice.loadUint(3) === 0b100, 9)
  return new Address(slice.loadInt(8), slice.loadBuffer(32))
}

/** Whether `signature` is the key's over the hash of `cell`, as the chain verifies it. */
export function isSignedBy(key: Buffer, cell: Cell, signature: Buffer): boolean {
  return verify(null, cell.hash(), ed25519PublicKey(key), signature)
}

/** Refuses what is not 64 bits to the very end. */
export function endsAfterQueryId(slice: Slice): void {
  strictly(() => slice.skip(64).endParse())
}

/** The inside of a cell that is none of the chain's own kinds. */
export function ordinary(cell: Cell): Slice {
  need(cell.type === CellType.Ordinary, 9)
  return cell.beginParse()
}

/** What `parse` reads; where it cannot, the TVM ends with 9. */
export function strictly<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(9)
  }
}

/** Refuses with `exit` unless it holds. */
export function need(holds: boolean, exit: number): void {
  if (!holds) throw new Refusal(exit)
}

/** The smaller of two amounts. */
export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
