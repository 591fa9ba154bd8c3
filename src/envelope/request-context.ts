import type { Random, RequestContext } from './types.ts'

export function encodeContext(_context: RequestContext): Buffer {
  throw new Error('not yet')
}
export function parseContext(_bytes: Uint8Array): RequestContext {
  throw new Error('not yet')
}
/** A fresh request id. */
export function newRid(_random?: Random): string {
  throw new Error('not yet')
}
