/**
 * The nonce that GPUs are asked over. It comes from the verifier's own nonce and the worker's keyset, so evidence made for one
 * is of no use for another, and has a label of its own, so it can stand for nothing else.
 */
import { sha256, utf8 } from '../../lib/bytes.ts'

/** SHA-256("chrysalis gpu-nonce v1" || nonce || SHA-256(keyset)), 32 bytes. `nonce` has 32. */
export function gpuNonce(nonce: Uint8Array, keysetBytes: Uint8Array): Buffer {
  if (nonce.length !== 32) throw new RangeError('a nonce has 32 bytes')
  return sha256(utf8('chrysalis gpu-nonce v1'), nonce, sha256(keysetBytes))
}
