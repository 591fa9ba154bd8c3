/** The ways to break a cell that the faults of a step name. */
import { beginCell, type Cell } from '@ton/core'
import { exotic, withoutBits, withoutRef, withTrailingBit, withTrailingRef } from '../../support/ton.ts'
import type { Fault, Step } from './steps.ts'

/** Which signed cell: the payer's, or the payee's. */
export type Side = 'auth' | 'claim'

/** A signed cell with something wrong in it; it is signed as it is. */
export function damagedCell(side: Side, { faults, entropy }: Step, cell: Cell): Cell {
  let damaged = cell
  for (const fault of faults) {
    if (damaged.isExotic) return damaged
    if (fault === `${side}-tag`) damaged = retagged(damaged, [0x564f5531, 0x434c4d31, 0x52454c31, 0][entropy % 4]!)
    if (fault === `${side}-bit`) damaged = withTrailingBit(damaged)
    if (fault === `${side}-short`) damaged = withoutBits(damaged, Math.min(damaged.bits.length, 1 + (entropy % 8)))
    if (fault === `${side}-stub`) damaged = withoutBits(damaged, Math.max(0, damaged.bits.length - (entropy % 40)))
    if (fault === `${side}-ref`) damaged = withTrailingRef(damaged)
    if (fault === `${side}-padded`) damaged = padded(damaged)
    if (fault === `${side}-other`) damaged = beginCell().storeUint(entropy, 32).endCell()
    if (fault === `${side}-exotic`) damaged = exotic(damaged, entropy % 2 === 0 ? 'library' : 'proof')
  }
  return damaged
}

function retagged(cell: Cell, tag: number): Cell {
  if (cell.bits.length < 32) return cell
  return beginCell().storeUint(tag, 32).storeSlice(cell.beginParse().skip(32)).endCell()
}

/** The same amount, in more bytes than it needs. The chain takes that; our own code never writes it. */
function padded(cell: Cell): Cell {
  const slice = cell.beginParse()
  if (slice.remainingBits < 32 + 32 + 267 + 4) return cell
  const head = slice.loadBits(32 + 32 + 267)
  const length = slice.loadUint(4)
  if (length === 15 || slice.remainingBits < length * 8) return cell
  return beginCell()
    .storeBits(head)
    .storeUint(length + 1, 4)
    .storeUint(0, 8)
    .storeSlice(slice)
    .endCell()
}

/** The cell that holds the claim and its signature. */
export function damagedRest(faults: readonly Fault[], rest: Cell): Cell {
  let damaged = rest
  for (const fault of faults) {
    if (damaged.isExotic) return damaged
    if (fault === 'rest-bit') damaged = withTrailingBit(damaged)
    if (fault === 'rest-short') damaged = withoutBits(damaged)
    if (fault === 'rest-ref') damaged = withTrailingRef(damaged)
    if (fault === 'rest-no-ref') damaged = withoutRef(damaged)
    if (fault === 'rest-exotic') damaged = exotic(damaged, 'library')
  }
  return damaged
}

export function damagedBody(faults: readonly Fault[], body: Cell): Cell {
  let damaged = body
  for (const fault of faults) {
    const { length } = damaged.bits
    if (fault === 'body-bit') damaged = withTrailingBit(damaged)
    if (fault === 'body-short') damaged = withoutBits(damaged, Math.min(1, length))
    if (fault === 'body-no-query') damaged = withoutBits(damaged, Math.max(0, length - 32))
    if (fault === 'body-stub') damaged = withoutBits(damaged, Math.max(0, length - 31))
    if (fault === 'body-ref') damaged = withTrailingRef(damaged)
    if (fault === 'body-no-ref') damaged = withoutRef(damaged)
  }
  return damaged
}
