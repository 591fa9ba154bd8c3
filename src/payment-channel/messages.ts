/**
 * What parties of a channel sign, and what they send to it.
 *
 *     authorization#564f5531 chain:int32 channel:MsgAddressInt ceiling:Coins = Authorization;
 *     claim#434c4d31 chain:int32 channel:MsgAddressInt amount:Coins root:uint256 = Claim;
 *     release#52454c31 chain:int32 channel:MsgAddressInt min_settled:Coins = Release;
 *
 * A signature is Ed25519 over the hash of its cell. There is deliberately no function that takes such a cell from outside:
 * whoever verifies encodes the values again and verifies over the hash of that, so nothing unseen is ever agreed to.
 */
import { type KeyObject, sign, verify } from 'node:crypto'
import { type Address, type Builder, beginCell, type Cell } from '@ton/core'
import { ed25519PublicKey } from '../lib/ed25519.ts'
import type { Nanoton } from '../lib/nanoton.ts'
import { ChannelError } from './errors.ts'

/** For which channel, on which chain, a signature is meant. */
export interface ChannelReference {
  /** The chain's global id: -239 mainnet, -3 testnet. */
  readonly chain: number
  readonly channel: Address
}

/** The payer: "up to `ceiling` in all may be charged here". */
export interface Authorization extends ChannelReference {
  readonly ceiling: Nanoton
}

/** The payee: "`amount` in all was charged here, by the statement whose newest entry hashes to `root`". */
export interface Claim extends ChannelReference {
  readonly amount: Nanoton
  /** 32 bytes. */
  readonly root: Uint8Array
}

/** The payee: "once `minSettled` in all has been paid, close at once". Final. */
export interface Release extends ChannelReference {
  readonly minSettled: Nanoton
}

/** The cell whose hash the payer signs. Throws `RangeError` when a value does not fit. */
export function authorizationCell({ ceiling, ...reference }: Authorization): Cell {
  return signedCell(0x564f5531, reference).storeCoins(ceiling).endCell()
}

/** The cell whose hash the payee signs to charge. Throws {@link ChannelError} `bad-value` for a root of another size than 32 bytes. */
export function claimCell({ amount, root, ...reference }: Claim): Cell {
  if (root.length !== 32) throw new ChannelError('bad-value', 'the root of a statement has 32 bytes')
  return signedCell(0x434c4d31, reference).storeCoins(amount).storeBuffer(Buffer.from(root)).endCell()
}

/** The cell whose hash the payee signs to let the payer go. */
export function releaseCell({ minSettled, ...reference }: Release): Cell {
  return signedCell(0x52454c31, reference).storeCoins(minSettled).endCell()
}

function signedCell(tag: number, { chain, channel }: ChannelReference): Builder {
  return beginCell().storeUint(tag, 32).storeInt(chain, 32).storeAddress(channel)
}

/** Signs with the payer's private key: 64 bytes. */
export function signAuthorization(payerKey: KeyObject, authorization: Authorization): Buffer {
  return sign(null, authorizationCell(authorization).hash(), payerKey)
}

/** Signs with the payee's private key: 64 bytes. Only for what was charged durably. */
export function signClaim(payeeKey: KeyObject, claim: Claim): Buffer {
  return sign(null, claimCell(claim).hash(), payeeKey)
}

/** Signs with the payee's private key: 64 bytes. Only for a channel that will never be charged again. */
export function signRelease(payeeKey: KeyObject, release: Release): Buffer {
  return sign(null, releaseCell(release).hash(), payeeKey)
}

/** Verifies over our own encoding. `payerKey` is raw, 32 bytes. Throws {@link ChannelError} `bad-signature`. */
export function verifyAuthorization(payerKey: Uint8Array, authorization: Authorization, signature: Uint8Array): void {
  verifyHash('authorization', authorizationCell(authorization), payerKey, signature)
}

/** Verifies over our own encoding. `payeeKey` is raw, 32 bytes. Throws {@link ChannelError} `bad-signature`. */
export function verifyClaim(payeeKey: Uint8Array, claim: Claim, signature: Uint8Array): void {
  verifyHash('claim', claimCell(claim), payeeKey, signature)
}

/** Verifies over our own encoding. `payeeKey` is raw, 32 bytes. Throws {@link ChannelError} `bad-signature`. */
export function verifyRelease(payeeKey: Uint8Array, release: Release, signature: Uint8Array): void {
  verifyHash('release', releaseCell(release), payeeKey, signature)
}

// node:crypto only: it accepts what the chain accepts. Other libraries take signatures that the chain then refuses.
function verifyHash(what: string, cell: Cell, publicKey: Uint8Array, signature: Uint8Array): void {
  const good = publicKey.length === 32 && signature.length === 64 && verify(null, cell.hash(), ed25519PublicKey(publicKey), signature)
  if (!good) throw new ChannelError('bad-signature', `the signature of the ${what} does not match`)
}

const op = {
  deposit: 0x44505431,
  settle: 0x53544c31,
  closeByPayee: 0x43425031,
  closeReleased: 0x43524c31,
  startClose: 0x53434c31,
  finishClose: 0x46434c31,
} as const

/** What a settlement shows: both sides' newest word. */
export interface Settlement extends ChannelReference {
  readonly authorization: { readonly ceiling: Nanoton; readonly signature: Uint8Array }
  readonly claim: { readonly amount: Nanoton; readonly root: Uint8Array; readonly signature: Uint8Array }
}

/** Credits what came in; opens a new channel. A transfer without body, or with a comment, does the same. */
export function depositBody(queryId = 0n): Cell {
  return header(op.deposit, queryId).endCell()
}

/** Pays the payee what the claim says beyond what was settled. Anyone may send it. */
export function settleBody({ authorization, claim, ...reference }: Settlement, queryId = 0n): Cell {
  const rest = beginCell()
    .storeBuffer(Buffer.from(claim.signature), 64)
    .storeRef(claimCell({ ...reference, amount: claim.amount, root: claim.root }))
    .endCell()
  return header(op.settle, queryId)
    .storeBuffer(Buffer.from(authorization.signature), 64)
    .storeRef(authorizationCell({ ...reference, ceiling: authorization.ceiling }))
    .storeRef(rest)
    .endCell()
}

/** Closes at once and gives up whatever is not settled. Only the payee may send it. */
export function closeByPayeeBody(queryId = 0n): Cell {
  return header(op.closeByPayee, queryId).endCell()
}

/** Closes at once with the payee's signed leave. Anyone may send it. */
export function closeReleasedBody(release: Release, signature: Uint8Array, queryId = 0n): Cell {
  return header(op.closeReleased, queryId).storeBuffer(Buffer.from(signature), 64).storeRef(releaseCell(release)).endCell()
}

/** Starts the challenge period. Only the payer may send it. */
export function startCloseBody(queryId = 0n): Cell {
  return header(op.startClose, queryId).endCell()
}

/** Ends a close after the challenge period, frees an address nobody opened in time, sweeps a closed one. Anyone may send it. */
export function finishCloseBody(queryId = 0n): Cell {
  return header(op.finishClose, queryId).endCell()
}

function header(opcode: number, queryId: bigint): Builder {
  return beginCell().storeUint(opcode, 32).storeUint(queryId, 64)
}

/** What a channel tells its payee or payer by a message. A hint: act on account data, never on this. */
export type ChannelEvent =
  | { readonly type: 'notice'; readonly status: number; readonly deposited: bigint; readonly settled: bigint; readonly closesAt: number }
  | { readonly type: 'paid'; readonly settled: bigint }
  | { readonly type: 'refunded'; readonly settled: bigint }

/** Reads `notice`, `paid` or `refunded`; `undefined` for anything else. */
export function parseChannelEvent(body: Cell): ChannelEvent | undefined {
  try {
    const slice = body.beginParse()
    const event = readEvent(slice.loadUint(32), slice)
    slice.endParse()
    return event
  } catch {
    return undefined
  }
}

function readEvent(tag: number, slice: ReturnType<Cell['beginParse']>): ChannelEvent | undefined {
  if (tag === 0x4e4f5431)
    return {
      type: 'notice',
      status: slice.loadUint(2),
      deposited: slice.loadCoins(),
      settled: slice.loadCoins(),
      closesAt: slice.loadUint(32),
    }
  if (tag === 0x50414431) return { type: 'paid', settled: slice.loadCoins() }
  if (tag === 0x52464431) return { type: 'refunded', settled: slice.loadCoins() }
  return undefined
}
