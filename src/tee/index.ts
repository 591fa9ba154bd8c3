/** Making evidence: quotes from the kernel of a TD, or from a quoting authority in software for development and tests. */
export {
  type CollateralParts,
  type QuoteRequest,
  SoftwareQuotingAuthority,
} from './authority.ts'
export {
  type AuthorityEdits,
  type AuthorityProfile,
  type CertificateName,
  developmentFmspc,
  developmentQe,
  type Edit,
} from './authority-documents.ts'
export { type AuthorityKeys, generateP256Key, type KeyName } from './authority-keys.ts'
export type { AuthorityState } from './authority-store.ts'
export { type ConfigfsPort, nodeConfigfs } from './configfs-port.ts'
export { configfsQuoter } from './configfs-quoter.ts'
export { dstackQuoter } from './dstack-quoter.ts'
export { TeeError, type TeeErrorCode } from './errors.ts'
export { type CollectedEvidence, type CollectedItem, commandCollector, fileCollector, type GpuCollector } from './gpu-collector.ts'
export { type QeReport, type QuoteHeader, type QuoteParts, qeReportData, quoteCertificateChain } from './quote.ts'
export { type Quoter, softwareQuoter } from './quoter.ts'
export type { SgxExtension } from './sgx-extension.ts'
export {
  developmentEvaluationDataNumber,
  type PlatformStatus,
  platformStatuses,
  type QeIdentity,
  rfc3339,
  type SignedDocument,
  signedDocument,
  type TcbInfo,
  teeTcbSvnFor,
} from './tcb-info.ts'
export { developmentMeasurements, type TdMeasurements, type TdReport } from './td-report.ts'
export {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateSpec,
  type CrlSpec,
  certificate,
  certificateRevocationList,
  crlNumber,
  type Extension,
  keyUsage,
  keyUsageBits,
  type Name,
  pem,
  subjectKeyIdentifier,
} from './x509.ts'
