export type { ChannelStatus } from './account.ts'
export { LedgerError, type LedgerErrorCode, type Shortfall } from './errors.ts'
export { type KeyLimits, type KeyRecord, type KeyView, keyId } from './keys.ts'
export { Ledger, type LedgerOptions, openLedger, type ReservationRequest } from './ledger.ts'
export {
  type AccountView,
  type AuthorisationRecord,
  type ChannelRecord,
  type Claimable,
  type EvidenceRecord,
  isUsed,
  type PostRecord,
  type ReleaseRecord,
  type RequestRecord,
  type StatementPage,
  type StatementRecord,
} from './records.ts'
export { emptyRoot, entryHash, type StatementEntry } from './statement.ts'
export type { Store } from './store.ts'
