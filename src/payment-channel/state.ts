/**
 * What a channel is on chain: its terms, its storage, and the address that both decide. Cells in, plain data out, no I/O.
 *
 *     terms$_ payer:MsgAddressInt payee:MsgAddressInt challenge_period:uint32 open_until:uint32 salt:uint64 = Terms;
 *     storage$_ status:uint2 deposited:Coins settled:Coins closes_at:uint32 payer_key:uint256 payee_key:uint256 terms:^Terms = Storage;
 */
import { type Address, beginCell, Cell, contractAddress } from '@ton/core'
import { equalBytes } from '../lib/bytes.ts'
import { type Nanoton, nanoton, smaller, subtractToZero, zero } from '../lib/nanoton.ts'
import { channelCode } from './code.ts'
import { ChannelError } from './errors.ts'

/** Under which terms two parties open a channel. They are part of its address and never change. */
export interface Terms {
  /** Where everything unspent goes back to, and who may start a close. */
  readonly payer: Address
  /** Where settled amounts go to, and who may close at once. */
  readonly payee: Address
  /** Seconds between a start of a close by the payer and its end. */
  readonly challengePeriod: number
  /** Unix seconds. The address opens only until then, and is freed only after. */
  readonly openUntil: number
  /** Tells two channels with the same terms and keys apart. Unsigned, 64 bits. */
  readonly salt: bigint
}

/** All that an address is derived from, besides the code. */
export interface ChannelIdentity {
  readonly terms: Terms
  /** Raw Ed25519, 32 bytes: signs authorizations. */
  readonly payerKey: Uint8Array
  /** Raw Ed25519, 32 bytes: signs claims and releases. */
  readonly payeeKey: Uint8Array
}

export const channelStatus = { new: 0, open: 1, closing: 2, closed: 3 } as const

/** 0 new, 1 open, 2 closing, 3 closed. It only rises. */
export type ChannelStatus = (typeof channelStatus)[keyof typeof channelStatus]

/** A channel's storage. */
export interface ChannelState extends ChannelIdentity {
  readonly status: ChannelStatus
  /** All that was ever credited, settled amounts included. Never falls. */
  readonly deposited: Nanoton
  /** All that was ever paid to the payee. Never falls, never above `deposited`. */
  readonly settled: Nanoton
  /** Unix seconds, set by the start of a close, 0 before. */
  readonly closesAt: number
}

/** The contract refuses to open with a longer challenge period: 30 days, in seconds. */
export const longestChallengePeriod = 30 * 86_400

/** What the contract keeps back from every deposit for rent and fees, in nanoTON. The payer's in the end. */
export const channelReserve: Nanoton = nanoton(10_000_000n)

/** Throws {@link ChannelError} `bad-terms` for terms that the contract never opens under, or that its cells do not hold. */
export function checkTerms(terms: Terms): void {
  const { payer, payee, challengePeriod, openUntil, salt } = terms
  if (payer.workChain !== 0 || payee.workChain !== 0)
    throw new ChannelError('bad-terms', 'payer and payee must be addresses in the basechain')
  if (!Number.isInteger(challengePeriod) || challengePeriod < 0 || challengePeriod > longestChallengePeriod)
    throw new ChannelError('bad-terms', `the challenge period must be 0 to ${longestChallengePeriod} seconds`)
  if (!Number.isInteger(openUntil) || openUntil < 0 || openUntil > 0xffff_ffff)
    throw new ChannelError('bad-terms', 'open_until must be a time in Unix seconds')
  if (salt < 0n || salt >= 1n << 64n) throw new ChannelError('bad-terms', 'salt must be an unsigned 64-bit number')
}

/** The cell of `terms`. Throws {@link ChannelError} `bad-terms`. */
export function encodeTerms(terms: Terms): Cell {
  checkTerms(terms)
  return beginCell()
    .storeAddress(terms.payer)
    .storeAddress(terms.payee)
    .storeUint(terms.challengePeriod, 32)
    .storeUint(terms.openUntil, 32)
    .storeUint(terms.salt, 64)
    .endCell()
}

/** Reads terms strictly: nothing missing, nothing left over. Throws {@link ChannelError} `bad-terms`. */
export function decodeTerms(cell: Cell): Terms {
  const terms = strictly('bad-terms', () => {
    const slice = cell.beginParse()
    const parsed: Terms = {
      payer: slice.loadAddress(),
      payee: slice.loadAddress(),
      challengePeriod: slice.loadUint(32),
      openUntil: slice.loadUint(32),
      salt: slice.loadUintBig(64),
    }
    slice.endParse()
    return parsed
  })
  checkTerms(terms)
  return terms
}

/** The storage cell of a channel in the given state. Throws {@link ChannelError} `bad-terms` or `bad-key`. */
export function encodeStorage(state: ChannelState): Cell {
  for (const key of [state.payerKey, state.payeeKey])
    if (key.length !== 32) throw new ChannelError('bad-key', 'an Ed25519 public key has 32 bytes')
  return beginCell()
    .storeUint(state.status, 2)
    .storeCoins(state.deposited)
    .storeCoins(state.settled)
    .storeUint(state.closesAt, 32)
    .storeBuffer(Buffer.from(state.payerKey))
    .storeBuffer(Buffer.from(state.payeeKey))
    .storeRef(encodeTerms(state.terms))
    .endCell()
}

/** Reads a channel's storage from account data, strictly. Throws {@link ChannelError} `not-a-channel`. */
export function decodeStorage(cell: Cell): ChannelState {
  return strictly('not-a-channel', () => {
    const slice = cell.beginParse()
    const state: ChannelState = {
      status: slice.loadUint(2) as ChannelStatus,
      deposited: nanoton(slice.loadCoins()),
      settled: nanoton(slice.loadCoins()),
      closesAt: slice.loadUint(32),
      payerKey: slice.loadBuffer(32),
      payeeKey: slice.loadBuffer(32),
      terms: decodeTerms(slice.loadRef()),
    }
    slice.endParse()
    return state
  })
}

/**
 * Code and initial storage of a channel: all zero but keys and terms. Only an address derived from exactly this is a
 * channel; the contract itself cannot tell a forged initial storage from an honest one. Throws as {@link encodeStorage}.
 */
export function channelInit(identity: ChannelIdentity): { code: Cell; data: Cell } {
  const { terms, payerKey, payeeKey } = identity
  const data = encodeStorage({ status: channelStatus.new, deposited: zero, settled: zero, closesAt: 0, terms, payerKey, payeeKey })
  return { code: channelCode, data }
}

/** The address of a channel, in the basechain. Throws as {@link encodeStorage}. */
export function channelAddress(terms: Terms, payerKey: Uint8Array, payeeKey: Uint8Array): Address {
  return contractAddress(0, channelInit({ terms, payerKey, payeeKey }))
}

/**
 * What account data say about the channel at `address`. The state proves itself: its keys and terms must lead back to the
 * address by {@link channelAddress}, so no endpoint can show the channel of somebody else.
 * Throws {@link ChannelError} `not-a-channel`.
 */
export function parseAccount(address: Address, code: Uint8Array, data: Uint8Array): ChannelState {
  const cells = strictly('not-a-channel', () => ({ code: rootOf(code), data: rootOf(data) }))
  if (!equalBytes(cells.code.hash(), channelCode.hash()))
    throw new ChannelError('not-a-channel', `${address} runs other code than a channel's`)
  const state = decodeStorage(cells.data)
  if (!channelAddress(state.terms, state.payerKey, state.payeeKey).equals(address))
    throw new ChannelError('not-a-channel', `the storage shown for ${address} belongs to another address`)
  return state
}

/** How much a claim of `amount` would still pay, as far as the deposit goes. */
export function payableAmount(state: ChannelState, amount: Nanoton): Nanoton {
  return subtractToZero(smaller(amount, state.deposited), state.settled)
}

function rootOf(boc: Uint8Array): Cell {
  const [root, ...others] = Cell.fromBoc(Buffer.from(boc))
  if (root === undefined || others.length > 0) throw new RangeError('a bag of cells must have one root')
  return root
}

function strictly<T>(code: 'bad-terms' | 'not-a-channel', parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof ChannelError && cause.code === code) throw cause
    throw new ChannelError(code, code === 'bad-terms' ? 'malformed terms' : 'malformed channel storage', { cause })
  }
}
