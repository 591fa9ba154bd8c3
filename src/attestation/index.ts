export { type Appraisal, appraise, type Check } from './appraise.ts'
export { CollateralClient, type CollateralClientOptions } from './collateral-client.ts'
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
export { type CollateralSource, type Lease, LeaseKeeper, type LeaseKeeperOptions, type LeaseState } from './lease.ts'
export { developmentPolicy, type NamedMeasurements, type Policy, parsePolicy } from './policy.ts'
export { type Collateral, type CollateralParts, loadCollateral } from './tdx/collateral.ts'
export { type CryptoPort, nodeCrypto } from './tdx/crypto-port.ts'
export { intelRootDer } from './tdx/intel-root.ts'
export { parseQuote, type QeReport, type Quote, type TdReport } from './tdx/quote.ts'
export type { TcbStatus, TcbVerdict } from './tdx/tcb.ts'
export { type Facts, verifyQuote } from './tdx/verify.ts'
export { collateralFor, openEvidence, type VerifiedEvidence, verifyEvidence } from './verify-evidence.ts'
