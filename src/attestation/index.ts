export { type Appraisal, appraise, type Check } from './appraise.ts'
export { type Collateral, type CollateralParts, loadCollateral } from './collateral.ts'
export { CollateralClient, type CollateralClientOptions } from './collateral-client.ts'
export { type CryptoPort, nodeCrypto } from './crypto-port.ts'
export { AttestationError, type AttestationErrorCode } from './errors.ts'
export {
  type EvidenceDocument,
  encodeKeyset,
  type Keyset,
  type KeysetModel,
  type ParsedEvidence,
  parseEvidence,
  parseKeyset,
  reportData,
} from './evidence.ts'
export { intelRootDer } from './intel-root.ts'
export { type CollateralSource, type Lease, LeaseKeeper, type LeaseKeeperOptions, type LeaseState } from './lease.ts'
export { developmentPolicy, type NamedMeasurements, type Policy, parsePolicy } from './policy.ts'
export { parseQuote, type QeReport, type Quote, type TdReport } from './quote.ts'
export type { TcbStatus, TcbVerdict } from './tcb.ts'
export { type Facts, verifyQuote } from './verify.ts'
export { collateralFor, openEvidence, type VerifiedEvidence, verifyEvidence } from './verify-evidence.ts'
