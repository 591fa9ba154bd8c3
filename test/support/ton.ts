/** Addresses and cells for tests. */
import { sign } from 'node:crypto'
import { Address, beginCell, type Cell } from '@ton/core'
import { sha256, utf8 } from '../../src/lib/bytes.ts'
import type { KeyPair } from '../../src/payment-channel/index.ts'

/** An address that is the same for the same name, in the basechain unless said otherwise. */
export function testAddress(name: string, workchain = 0): Address {
  return new Address(workchain, sha256(utf8(name)))
}

/** `cell` with one more bit at its end. */
export function withTrailingBit(cell: Cell): Cell {
  return beginCell().storeSlice(cell.beginParse()).storeBit(0).endCell()
}

/** `cell` with one more reference. */
export function withTrailingRef(cell: Cell): Cell {
  return beginCell().storeSlice(cell.beginParse()).storeRef(beginCell().endCell()).endCell()
}

/** `cell` without its last `bits` bits, references kept. */
export function withoutBits(cell: Cell, bits = 1): Cell {
  const slice = cell.beginParse()
  const kept = beginCell().storeBits(slice.loadBits(slice.remainingBits - bits))
  while (slice.remainingRefs > 0) kept.storeRef(slice.loadRef())
  return kept.endCell()
}

/** `cell` without its last reference. */
export function withoutRef(cell: Cell): Cell {
  const kept = beginCell().storeBits(cell.bits)
  for (const ref of cell.refs.slice(0, -1)) kept.storeRef(ref)
  return kept.endCell()
}

/** A reference to a library nobody published, or a Merkle proof of `cell`. */
export function exotic(cell: Cell, kind: 'library' | 'proof'): Cell {
  if (kind === 'library') return beginCell().storeUint(2, 8).storeBuffer(cell.hash()).endCell({ exotic: true })
  return beginCell().storeUint(3, 8).storeBuffer(cell.hash(0)).storeUint(cell.depth(0), 16).storeRef(cell).endCell({ exotic: true })
}

/** Signs any cell, also one that our code would never sign. */
export function signCell(key: KeyPair, cell: Cell): Buffer {
  return sign(null, cell.hash(), key.privateKey)
}
