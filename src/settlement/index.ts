export { Desk, type DeskOptions, type Proposal, type WireTerms } from './desk.ts'
export { SettlementError } from './errors.ts'
export type { ChainPort } from './ports.ts'
export { Settlement, type SettlementOptions } from './settlement.ts'
