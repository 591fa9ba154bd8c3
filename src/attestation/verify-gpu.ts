/** The GPU section of a document whose quote is verified and holds the section's hash. Asynchronous: signatures are checked in the thread pool. */
import { LRUCache } from 'lru-cache'
import { sha256, toHex } from '../lib/bytes.ts'
import { nodeGpuCrypto, rememberingSignatures } from './gpu/crypto-port.ts'
import { parseGpuEvidence } from './gpu/items.ts'
import { gpuNonce } from './gpu/nonce.ts'
import { nvidiaRoots } from './gpu/nvidia-roots.ts'
import { noRevocationCheck } from './gpu/revocation.ts'
import { type GpuVerifierOptions, verifyGpuEvidence } from './gpu/verify.ts'
import type { ShownGpus } from './policy/gpu.ts'

/** NVIDIA's roots; revocation is not asked, and tokens of NVIDIA's service are not used where nobody gives the keys to check them with. */
export const nvidiaVerifier: GpuVerifierOptions = {
  roots: nvidiaRoots,
  crypto: rememberingSignatures(nodeGpuCrypto),
  checkRevocation: noRevocationCheck,
  manifests: new LRUCache({ max: 64 }),
  nrasKeys: null,
}

/**
 * Verifies a document's GPU section at `now` (ms), over the document's nonce (32 bytes). Call it after the quote was found to hold the
 * section's hash. Over a nonce that is not ours (`ours: false`) it may be from any time, and the result says that nothing binds it.
 * Throws `AttestationError`.
 */
export async function verifyGpuSection(
  section: Uint8Array,
  o: { nonce: Uint8Array; ours: boolean; keysetBytes: Uint8Array; now: number; verifier: GpuVerifierOptions },
): Promise<ShownGpus> {
  const evidence = parseGpuEvidence(section)
  const nonce = gpuNonce(o.nonce, o.keysetBytes)
  const facts = await verifyGpuEvidence(evidence, { ...o.verifier, nonce, inReportData: true, now: o.now })
  return { facts: o.ours ? facts : { ...facts, bound: 'none' }, manifests: evidence.rims.map(bytes => `sha256:${toHex(sha256(bytes))}`) }
}
