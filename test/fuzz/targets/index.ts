/** Every target: `npm run fuzz` runs them in this order, and the suite runs each for a moment. */
import type { FuzzTarget } from '../harness/target.ts'
import { certificateTarget } from './certificate.ts'
import { crlTarget } from './crl.ts'
import { derTarget } from './der.ts'
import { eventLogTarget } from './event-log.ts'
import { evidenceTarget, keysetTarget } from './evidence.ts'
import { foreignTarget } from './foreign.ts'
import { gpuChainTarget, gpuEvidenceTarget, gpuReportTarget, nrasTarget, rimTarget } from './gpu.ts'
import { jsonTarget } from './json.ts'
import { pemChainTarget } from './pem-chain.ts'
import { quoteTarget } from './quote.ts'
import { qeIdentityTarget, tcbInfoTarget } from './tcb-info.ts'

export const targets: readonly FuzzTarget[] = [
  quoteTarget,
  pemChainTarget,
  certificateTarget,
  crlTarget,
  derTarget,
  jsonTarget,
  tcbInfoTarget,
  qeIdentityTarget,
  evidenceTarget,
  keysetTarget,
  eventLogTarget,
  foreignTarget,
  gpuReportTarget,
  gpuChainTarget,
  gpuEvidenceTarget,
  rimTarget,
  nrasTarget,
]
