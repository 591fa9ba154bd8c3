/** A cell's own bits, without its references, as whole bytes. */
import type { Cell } from '@ton/core'

/** The bits of `cell`, filled up with zeros to whole bytes. */
export function cellBytes(cell: Cell): Buffer {
  const bytes = Buffer.alloc(Math.ceil(cell.bits.length / 8))
  for (let at = 0; at < cell.bits.length; at++) if (cell.bits.at(at)) bytes[at >> 3]! |= 0x80 >> (at & 7)
  return bytes
}
