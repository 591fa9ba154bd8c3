/** Verifying in tests: under our authority's roots, at our time, over our nonce, unless a test says otherwise. */
import { nodeGpuCrypto, rememberingSignatures } from '../../../../src/attestation/gpu/crypto-port.ts'
import type { GpuEvidence, GpuItem } from '../../../../src/attestation/gpu/items.ts'
import { noRevocationCheck } from '../../../../src/attestation/gpu/revocation.ts'
import { type GpuFacts, verifyGpuEvidence } from '../../../../src/attestation/gpu/verify.ts'
import { AttestationError } from '../../../../src/attestation/index.ts'
import { NvidiaAuthority, nonce, now } from './authority.ts'

export const authority = new NvidiaAuthority()
const crypto = rememberingSignatures(nodeGpuCrypto)

type Options = Partial<Parameters<typeof verifyGpuEvidence>[1]> & Partial<GpuEvidence>

export function verify(items: readonly GpuItem[], o: Options = {}): Promise<GpuFacts> {
  const { rims = [], nras = null, ...rest } = o
  return verifyGpuEvidence(
    { items, rims, nras },
    {
      roots: authority.roots,
      crypto,
      checkRevocation: noRevocationCheck,
      nrasKeys: null,
      nonce,
      inReportData: true,
      now,
      ...rest,
    },
  )
}

/** The code of the refusal, or `accepted`. */
export async function codeOf(verdict: Promise<unknown>): Promise<string> {
  try {
    await verdict
    return 'accepted'
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}
