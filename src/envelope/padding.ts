/** Padding (spec, "Padding"): the plaintext of a sealed frame fills whole cells, so that its size tells less. */
import type { PaddingMode } from './types.ts'

/** Bytes before the content in the plaintext of a sealed frame: its length. */
export const contentPrefix = 3

const cells = { off: undefined, cells: 256, steady: 1024 } as const

/** The size of a cell, or undefined where nothing is padded. */
export function cellSize(pad: PaddingMode): number | undefined {
  return cells[pad]
}

/** How many bytes of content one cell holds: what a sender collects before it sends a DATA frame. Undefined where nothing is padded. */
export function cellBytes(pad: PaddingMode): number | undefined {
  const cell = cells[pad]
  return cell === undefined ? undefined : cell - contentPrefix
}

/** The size of the plaintext that carries `content` bytes. */
export function paddedSize(content: number, cell: number | undefined): number {
  const size = contentPrefix + content
  return cell === undefined ? size : Math.ceil(size / cell) * cell
}

/** Most content bytes of a frame whose plaintext may have `max` bytes. */
export function mostContent(max: number, cell: number | undefined): number {
  return (cell === undefined ? max : Math.floor(max / cell) * cell) - contentPrefix
}
