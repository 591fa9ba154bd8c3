/**
 * Whether certificates of NVIDIA's are revoked: a port, because asking needs the network and NVIDIA's good will. Without one
 * the answer is `not-checked`, and the policy decides whether that is enough.
 */
import type { Certificate } from '../tdx/x509.ts'

export type RevocationStatus = 'good' | 'not-checked'

/** Answers for a verified chain, leaf first. Throws `gpu-revoked` where one is revoked or on hold; what cannot be asked is `not-checked`. */
export type CheckRevocation = (o: {
  /** For people: `the certificates of GPU 0`. */
  what: string
  chain: readonly Certificate[]
  /** Whether the leaf is asked about too: a device makes its own, and nobody could revoke that. */
  leaf: boolean
  /** Milliseconds since the epoch. */
  now: number
}) => Promise<RevocationStatus>

/** Asks nobody. */
export const noRevocationCheck: CheckRevocation = async () => 'not-checked'
