/**
 * What several endpoints say of one account, compared. Pure: answers in, a verdict out.
 *
 * Endpoints follow the chain each at its own pace, so that one may show an account as it was a moment ago: that passes. Two that
 * show different contents after the very same transaction cannot both be right, at any time.
 */
import { Cell } from '@ton/core'
import { toHex } from '../lib/bytes.ts'
import type { ChainClient } from './chain.ts'

/** An account as an endpoint shows it. */
export type AccountView = Awaited<ReturnType<ChainClient['getContractState']>>

export interface Answer {
  /** The endpoint's name, for people. */
  readonly endpoint: string
  readonly view: AccountView
}

/**
 * - `agreed`: all show the same; `view` is theirs, as of the oldest of their blocks.
 * - `behind`: these show the account before a transaction that others show already. Ask again.
 * - `contradiction`: these show different contents after the same transaction. Stop: security event; one of them lies.
 */
export type Agreement =
  | { readonly kind: 'agreed'; readonly view: AccountView }
  | { readonly kind: 'behind'; readonly endpoints: readonly string[] }
  | { readonly kind: 'contradiction'; readonly endpoints: readonly string[] }

/** Compares `answers`, of which there is at least one. `seen` is the lt up to which the account was agreed on before. */
export function agree(answers: readonly Answer[], seen = 0n): Agreement {
  const newest = answers.reduce((lt, { view }) => larger(lt, ltOf(view)), seen)
  const current = answers.filter(({ view }) => ltOf(view) === newest)
  const contents = new Set(current.map(({ view }) => contentOf(view)))
  if (contents.size > 1) return { kind: 'contradiction', endpoints: current.map(({ endpoint }) => endpoint) }
  const behind = answers.filter(({ view }) => ltOf(view) < newest)
  if (behind.length > 0) return { kind: 'behind', endpoints: behind.map(({ endpoint }) => endpoint) }
  const oldest = answers.reduce((a, b) => (b.view.timestampt < a.view.timestampt ? b : a))
  return { kind: 'agreed', view: oldest.view }
}

/** The logical time of the account's last transaction: its own order, the same on every endpoint. */
export function ltOf({ lastTransaction }: AccountView): bigint {
  return lastTransaction ? BigInt(lastTransaction.lt) : 0n
}

/** Cells by their hashes: one cell has many serializations. What is no cell is compared as bytes. */
function contentOf({ state, balance, code, data, lastTransaction }: AccountView): string {
  return [state, balance, code && digestOf(code), data && digestOf(data), lastTransaction?.hash].join(' ')
}

function digestOf(boc: Buffer): string {
  try {
    return toHex(Cell.fromBoc(boc)[0]!.hash())
  } catch {
    return toHex(boc)
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
