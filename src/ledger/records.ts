import type { Nanoton } from '../lib/nanoton.ts'
import type { ChannelStatus } from './account.ts'
import type { StatementEntry } from './statement.ts'

/** A channel as it was accepted. */
export interface ChannelRecord {
  readonly address: string
  /** The terms in the form they were agreed in; opaque here. */
  readonly terms: string
  /** Raw Ed25519 keys: 32 bytes, and the payee's in hex. */
  readonly payerKey: Uint8Array
  readonly payeeKeyId: string
}

/** The payer's highest signed ceiling. */
export interface AuthorisationRecord {
  readonly ceiling: Nanoton
  readonly signature: Uint8Array
}

/** Counts by unit. */
export interface UsageRecord {
  readonly prompt: number
  readonly cached: number
  readonly completion: number
  readonly reasoning: number
  readonly images?: number
  readonly characters?: number
  readonly seconds?: number
}

/** What a worker signed for one request. Nothing in it says what was asked or answered. */
export interface PostRecord {
  readonly rid: string
  readonly cost: Nanoton
  /** The RECEIPT (or last CHECKPOINT) payload as it came. */
  readonly receipt: Uint8Array
  readonly usage: UsageRecord
  readonly model: string
  readonly worker: string
  /** Digest of the keyset that signed. */
  readonly evidence: string
  /** Null where a checkpoint was charged in place of a receipt. */
  readonly finish: string | null
}

/** Whether a post stands for work that was done. A failure that cost nothing does not: the same may be asked again. */
export function isUsed({ cost, finish }: Pick<PostRecord, 'cost' | 'finish'>): boolean {
  return cost > 0n || finish !== 'error'
}

/** A charged request, for lists. */
export interface RequestRecord extends Omit<PostRecord, 'receipt'> {
  readonly channel: string
  readonly at: number
}

/** The payee's leave to close, kept so that it is given once. */
export interface ReleaseRecord {
  readonly minSettled: Nanoton
  readonly signature: Uint8Array
}

/** An entry of a statement with what it rests on. */
export interface StatementRecord extends StatementEntry {
  readonly hash: Uint8Array
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly receipt: Uint8Array
  readonly model: string
  readonly worker: string
  readonly evidence: string
}

/** So much of a statement, and its newest durable entry: where the last one shown is not that, there is more. */
export interface StatementPage {
  readonly entries: readonly StatementRecord[]
  readonly root: Uint8Array
  readonly spent: Nanoton
}

export interface EvidenceRecord {
  readonly digest: string
  readonly keyset: Uint8Array
  readonly quote: Uint8Array
  readonly at: number
}

/** What `GET /v1/account` shows. `authorised` is the ceiling. */
export interface AccountView {
  readonly channel: string
  readonly status: ChannelStatus
  /** Closed by agreement: nothing is ever reserved on it again. */
  readonly stopped: boolean
  readonly deposited: Nanoton
  readonly authorised: Nanoton
  readonly settled: Nanoton
  readonly spent: Nanoton
  readonly reserved: Nanoton
  readonly available: Nanoton
}

/** What can be claimed: durable spending, the statement's hash at that amount, and the payer's word for it. */
export interface Claimable {
  readonly spent: Nanoton
  readonly settled: Nanoton
  readonly root: Buffer
  readonly authorisation: AuthorisationRecord | undefined
}
