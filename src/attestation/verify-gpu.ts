/** The GPU section of a document whose quote is verified and holds the section's hash. Asynchronous: signatures are checked in the thread pool. */
import { sha256, toHex } from '../lib/bytes.ts'
import { nodeGpuCrypto, rememberingSignatures } from './gpu/crypto-port.ts'
import { parseGpuEvidence } from './gpu/items.ts'
import { gpuNonce } from './gpu/nonce.ts'
import { nvidiaRoots } from './gpu/nvidia-roots.ts'
import { noRevocationCheck } from './gpu/revocation.ts'
import { type GpuVerifierOptions, verifyGpuEvidence } from './gpu/verify.ts'
import type { ShownGpus } from './policy/gpu.ts'

/** NVIDIA's roots; revocation is not asked, and tokens of NVIDIA's service are not used: there are no keys to check one with. */
export const nvidiaVerifier: GpuVerifierOptions = {
  roots: nvidiaRoots,
  crypto: rememberingSignatures(nodeGpuCrypto),
  checkRevocation: noRevocationCheck,
  nrasKeys: null,
}

/**
 * Verifies a document's GPU section at `now` (ms), over the nonce of the document's own asker (32 bytes). Call it after the quote
 * was found to hold the section's hash: the result says so. Undefined where there is no section. Throws `AttestationError`.
 */
export async function verifyGpuSection(
  section: Uint8Array | null,
  o: { nonce: Uint8Array; keysetBytes: Uint8Array; now: number; verifier: GpuVerifierOptions },
): Promise<ShownGpus | undefined> {
  if (section === null) return undefined
  const evidence = parseGpuEvidence(section)
  const nonce = gpuNonce(o.nonce, o.keysetBytes)
  const facts = await verifyGpuEvidence(evidence, { ...o.verifier, nonce, inReportData: true, now: o.now })
  return { facts, manifests: evidence.rims.map(bytes => `sha256:${toHex(sha256(bytes))}`) }
}
