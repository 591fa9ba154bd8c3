export { type Appraisal, appraise, type Subject } from './appraise.ts'
export { CollateralClient, type CollateralClientOptions } from './collateral-client.ts'
export type { CollateralUpdate } from './collateral-service.ts'
export { developmentPolicy, isOlderDevelopmentPolicy, type NamedMeasurements } from './development-policy.ts'
export { type Advice, AttestationError, type AttestationErrorCode, adviceFor, attestationErrorCodes, type Check } from './errors.ts'
export { type LogEvent, readEventLog } from './event-log/event.ts'
export { checkReplay, type ReplayedLog, replayEventLog, verifyEventLog } from './event-log/replay.ts'
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
export type { ForeignEvidence, ForeignKey } from './foreign/foreign-evidence.ts'
export { type ForeignKind, foreignKinds, kindOfDocument, readForeign } from './foreign/read-foreign.ts'
export { type DetachedEat, encodeGpuEvidence, type GpuEvidence, type GpuItem, parseGpuEvidence, readDetachedEat } from './gpu/items.ts'
export { gpuNonce } from './gpu/nonce.ts'
export { type NrasKeys, parseNrasKeys } from './gpu/nras-keys.ts'
export { type GpuBinding, type GpuFacts, type GpuVerifierOptions, verifyGpuEvidence } from './gpu/verify.ts'
export { type CollateralSource, type Lease, LeaseKeeper, type LeaseKeeperOptions, type LeaseState } from './lease.ts'
export type { ReplayedEvents } from './policy/events.ts'
export type { Freshness } from './policy/freshness.ts'
export { type Policy, parsePolicy, policyVersion } from './policy.ts'
export {
  encodeProxyStatement,
  isProxyEvidence,
  type ParsedProxyEvidence,
  type ProxyEvidenceDocument,
  type ProxyStatement,
  parseProxyEvidence,
  proxyReportData,
} from './proxy-evidence.ts'
export {
  nothingRegistered,
  type PolicyFile,
  parsePolicyFile,
  type RegisteredValues,
  registrable,
  withoutRegistry,
} from './registered-policy.ts'
export { Checklist } from './tdx/checklist.ts'
export type { Collateral, CollateralParts } from './tdx/collateral.ts'
export type { CryptoPort } from './tdx/crypto-port.ts'
export { intelRootDer } from './tdx/intel-root.ts'
export { nobleCrypto } from './tdx/noble-crypto.ts'
export { nodeCrypto } from './tdx/node-crypto.ts'
export { HeldPckChains } from './tdx/pck-chain.ts'
export { type ParseQuoteOptions, parseQuote, type QeReport, type Quote } from './tdx/quote.ts'
export type { PckFacts, PckPlatform, SgxType } from './tdx/sgx-extension.ts'
export type { TcbPart, TcbStatus, TcbVerdict } from './tdx/tcb.ts'
export type { BodyType, ExtendedTd, TdReport } from './tdx/td-report.ts'
export type { Facts, VerifyQuoteOptions } from './tdx/verify.ts'
export { encodeVerdict, mostVerdictBytes, parseVerdict, type Verdict, workerAdvice } from './verdict.ts'
export { loadCollateral, verifyQuote } from './verifier.ts'
export { collateralFor, openEvidence, type VerifiedEvidence, verifyEvidence, verifyWorker } from './verify-evidence.ts'
export { nvidiaVerifier, verifyGpuSection } from './verify-gpu.ts'
