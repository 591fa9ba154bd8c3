/** Ethereum addresses, as far as attestation reports name keys by them. */
import { keccak_256 } from '@noble/hashes/sha3.js'

/** The address (20 bytes) of an uncompressed secp256k1 point, which has 65 bytes, or 64 without its prefix. */
export function addressOf(publicKey: Uint8Array): Uint8Array {
  return keccak_256(publicKey.length === 65 ? publicKey.subarray(1) : publicKey).subarray(12)
}
