import { CodedError } from '../lib/coded-error.ts'
import type { Nanoton } from '../lib/nanoton.ts'

/**
 * - `insufficient-funds`: the reservation does not fit into what is available. **Top up**.
 * - `channel-not-open`: the channel is not open on the chain, or is being closed. **Open another**.
 * - `chain-unread`: the chain was not read for this channel for too long: it may have been closed meanwhile. **Retry** once the chain answers.
 * - `key-spent`, `key-spent-today`: a limit of the API key does not cover the reservation. **Raise the limit**: a new key; or wait for midnight UTC.
 * - `unknown-channel`: no such channel here. **Fix the request**.
 * - `duplicate-rid`: this request id was used before. **Fix the request**: a new request needs a new id.
 * - `already-used`: what was to be charged once was charged, or is about to be. **Stop**: it is never charged again.
 * - `no-reservation`: nothing is reserved under this id: never, or voided or expired since.
 * - `above-reservation`: the cost is more than was reserved. **Stop: security event**; nothing was debited.
 * - `conflict`: this id was posted already, with another cost or receipt. **Stop: security event**; the first post stands.
 * - `unavailable`: the store cannot write, so nothing new is taken. **Retry** later; look at disk and log.
 * - `locked`: another process has the ledger open. **Stop that one** first.
 * - `corrupt`: the store contradicts itself. **Stop: restore a backup**; nothing was changed.
 * - `not-durable`: the store does not sync every commit. **Stop**.
 */
export type LedgerErrorCode =
  | 'insufficient-funds'
  | 'channel-not-open'
  | 'chain-unread'
  | 'key-spent'
  | 'key-spent-today'
  | 'unknown-channel'
  | 'duplicate-rid'
  | 'already-used'
  | 'no-reservation'
  | 'above-reservation'
  | 'conflict'
  | 'unavailable'
  | 'locked'
  | 'corrupt'
  | 'not-durable'

/** A reservation that did not fit, and the account as it stood then. */
export interface Shortfall {
  readonly channel: string
  readonly required: Nanoton
  readonly deposited: Nanoton
  readonly ceiling: Nanoton
  readonly spent: Nanoton
  readonly reserved: Nanoton
}

export class LedgerError extends CodedError<LedgerErrorCode> {
  /** With `insufficient-funds`. */
  readonly shortfall: Shortfall | undefined

  constructor(code: LedgerErrorCode, message: string, options: ErrorOptions & { shortfall?: Shortfall } = {}) {
    super(code, message, options)
    this.shortfall = options.shortfall
  }
}
