/**
 * The channels of the random lives: channels between the same two parties, so that everything signed for one can be tried on
 * another; the third payer has a key with a component of small order, under which about one signature in eight is good; the
 * fourth is the first once more, at the same address, on mainnet, whose global id is negative. And one for each kind of terms
 * under which nothing may open, and of storage that has more in it than a channel's.
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
  // Its highest bit is one: read as a signed number it would be negative.
  payee: keyPairOf(sha256(utf8('key of the payee'))),
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

/** How many good channels there are: they come first. */
export const goodChannels = 4
/** Mainnet's global id. */
const mainnet = -239
const nothing = beginCell().endCell()
/** What may be put behind a channel's storage. */
export const oddTails = [beginCell().storeBit(1).endCell(), beginCell().storeRef(nothing).endCell()]

interface Birth {
  readonly terms: Cell
  readonly chain?: number
  readonly torsion?: boolean
  readonly tail?: Cell
  readonly payer: Address | undefined
  readonly payee: Address | undefined
}

function births(): Birth[] {
  const [plain, brief, long] = [
    { challengePeriod: 3_600, openUntil: birth + 86_400, salt: 1n },
    { challengePeriod: 0, openUntil: birth + 600, salt: 2n },
    { challengePeriod: 30 * 86_400, openUntil: birth + 7_200, salt: 3n },
  ].map(rest => ({ ...parties, terms: encodeTerms({ ...parties, ...rest }) }))
  const odd = Object.values(oddTerms).map(({ cell, ...rest }) => ({ ...rest, terms: cell }))
  return [
    plain!,
    brief!,
    { ...long!, torsion: true },
    { ...plain!, chain: mainnet },
    ...odd,
    ...oddTails.map(tail => ({ ...plain!, tail })),
  ]
}

/** The channels under `code`: {@link goodChannels}, then one for each of {@link oddTerms}, then the ones with odd storage. */
export function newborns(code: Cell): Newborn[] {
  return births().map(({ terms, chain = testChain, torsion: odd = false, tail = nothing, payer, payee }) => {
    const payerKey = odd ? torsion.publicKey : keys.payer.publicKey
    const state = { status: 0, deposited: 0n, settled: 0n, closesAt: 0, payerKey, payeeKey: keys.payee.publicKey, terms, tail }
    const data = storageOf(state)
    const model = { chain, address: contractAddress(0, { code, data }), ...state }
    return { model, init: { code, data }, torsion: odd, payer, payee }
  })
}

/** The storage cell, written by hand from its layout. */
export function storageOf(state: Omit<ModelChannel, 'chain' | 'address'>): Cell {
  return beginCell()
    .storeUint(state.status, 2)
    .storeCoins(state.deposited)
    .storeCoins(state.settled)
    .storeUint(state.closesAt, 32)
    .storeBuffer(state.payerKey)
    .storeBuffer(state.payeeKey)
    .storeRef(state.terms)
    .storeSlice(state.tail.beginParse())
    .endCell()
}
