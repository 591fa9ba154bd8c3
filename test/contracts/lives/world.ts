/**
 * The channels of the random lives: three channels between the same two parties, so that everything signed for one can be tried
 * on another; the third payer has a key with a component of small order, under which about one signature in eight is good.
 * And one for each kind of terms under which nothing may open.
 */
import { type Address, beginCell, type Cell, contractAddress } from '@ton/core'
import { sha256, utf8 } from '../../../src/lib/bytes.ts'
import { encodeTerms, keyPairOf } from '../../../src/payment-channel/index.ts'
import { testChain } from '../../support/ton-config.ts'
import type { ModelChannel } from '../model.ts'
import { oddTerms } from './odd-terms.ts'
import { birth, parties } from './parties.ts'
import { torsionKey } from './torsion.ts'

export const keys = {
  payer: keyPairOf(sha256(utf8('payer key'))),
  payee: keyPairOf(sha256(utf8('payee key'))),
  other: keyPairOf(sha256(utf8('key of nobody'))),
}
export const torsion = torsionKey(sha256(utf8('torsion key')))

/** A channel before its first message. */
export interface Newborn {
  readonly model: ModelChannel
  readonly init: { readonly code: Cell; readonly data: Cell }
  /** Whether the payer signs with the key that has a component of small order. */
  readonly torsion: boolean
  /** Whom the terms name; where they name nobody who can be paid, nothing can be got back. */
  readonly payer: Address | undefined
  readonly payee: Address | undefined
}

/** The channels under `code`: three good ones, then one for each of {@link oddTerms}. */
export function newborns(code: Cell): Newborn[] {
  const good = [
    { challengePeriod: 3_600, openUntil: birth + 86_400, salt: 1n },
    { challengePeriod: 0, openUntil: birth + 600, salt: 2n },
    { challengePeriod: 30 * 86_400, openUntil: birth + 7_200, salt: 3n },
  ].map((rest, index) => ({ ...parties, cell: encodeTerms({ ...parties, ...rest }), torsion: index === 2 }))
  return [...good, ...Object.values(oddTerms).map(terms => ({ ...terms, torsion: false }))].map(
    ({ cell: terms, torsion: odd, payer, payee }) => {
      const payerKey = odd ? torsion.publicKey : keys.payer.publicKey
      const state = { status: 0, deposited: 0n, settled: 0n, closesAt: 0, payerKey, payeeKey: keys.payee.publicKey, terms }
      const data = storageOf(state)
      const model = { chain: testChain, address: contractAddress(0, { code, data }), ...state }
      return { model, init: { code, data }, torsion: odd, payer, payee }
    },
  )
}

/** The storage cell, written by hand from its layout. */
export function storageOf(
  state: Pick<ModelChannel, 'status' | 'deposited' | 'settled' | 'closesAt' | 'payerKey' | 'payeeKey' | 'terms'>,
): Cell {
  return beginCell()
    .storeUint(state.status, 2)
    .storeCoins(state.deposited)
    .storeCoins(state.settled)
    .storeUint(state.closesAt, 32)
    .storeBuffer(state.payerKey)
    .storeBuffer(state.payeeKey)
    .storeRef(state.terms)
    .endCell()
}
