/** The GPU section of the evidence document: what the GPUs say over a nonce of ours, with NVIDIA's reference values beside it. */
import { encodeGpuEvidence, readDetachedEat } from '../attestation/index.ts'
import type { GpuCollector } from '../tee/index.ts'

export interface GpuSource {
  readonly collector: GpuCollector
  /** Reference manifests for the GPUs' driver and firmware, as NVIDIA publishes them. */
  readonly rims: readonly Uint8Array[]
}

/**
 * The exact bytes that the quote's REPORTDATA names, over `nonce` (32 bytes). Throws what the collector throws, and
 * `AttestationError` `gpu-evidence-malformed` for what no verifier would read, so that it is seen here first.
 */
export async function makeGpuEvidence({ collector, rims }: GpuSource, nonce: Uint8Array): Promise<Buffer> {
  const { items, nras } = await collector.collect(nonce)
  return encodeGpuEvidence({
    items: items.map(({ arch, evidence, certificate }) => ({
      arch,
      report: Buffer.from(evidence, 'base64'),
      certificatePem: Buffer.from(certificate, 'base64').toString('latin1'),
    })),
    rims,
    nras: nras === null ? null : readDetachedEat(nras),
  })
}
