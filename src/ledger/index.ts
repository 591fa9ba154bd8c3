export type { ChannelStatus } from './account.ts'
export { LedgerError, type LedgerErrorCode } from './errors.ts'
export { Ledger, type LedgerOptions, openLedger, type ReservationRequest } from './ledger.ts'
export type {
  AccountView,
  AuthorisationRecord,
  ChannelRecord,
  Claimable,
  EvidenceRecord,
  KeyRecord,
  PostRecord,
  RequestRecord,
} from './records.ts'
export { emptyRoot, entryHash, type StatementEntry } from './statement.ts'
export type { Store } from './store.ts'
