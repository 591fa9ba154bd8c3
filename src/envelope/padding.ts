import type { PaddingMode } from './types.ts'

/** How many bytes of content one cell holds: what a sender collects before it sends a DATA frame. Undefined where nothing is padded. */
export function cellBytes(_pad: PaddingMode): number | undefined {
  throw new Error('not yet')
}
