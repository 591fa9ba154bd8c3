/**
 * The channel contract once more, in TypeScript: what a message must do, written from the rules and not from the Tolk source.
 * Pure. The property tests run both over the same messages and compare after each.
 *
 * What it leaves out: gas. A message that brings too little of it stops somewhere, and that is checked for itself.
 */
import type { Address, Cell, Slice } from '@ton/core'
import { endsAfterQueryId, isSignedBy, least, need, ordinary, Refusal, signedAmount, standardAddress, strictly } from './model-cells.ts'

/** All that a channel remembers, and where it lives. */
export interface ModelChannel {
  readonly chain: number
  readonly address: Address
  /** The cell, as it stands in the address. */
  readonly terms: Cell
  /** What stands behind the layout in its storage; nothing in every channel that our code would name. */
  readonly tail: Cell
  readonly payerKey: Buffer
  readonly payeeKey: Buffer
  readonly status: number
  readonly deposited: bigint
  readonly settled: bigint
  readonly closesAt: number
}

export interface ModelMessage {
  readonly from: Address
  readonly body: Cell
  /** One of ours that came back. */
  readonly bounced: boolean
  /** Unix seconds. */
  readonly now: number
}

export type Told =
  | { readonly type: 'notice'; readonly status: number; readonly deposited: bigint; readonly settled: bigint; readonly closesAt: number }
  | { readonly type: 'paid'; readonly settled: bigint }
  | { readonly type: 'refunded'; readonly settled: bigint }

/** What is sent, before fees: `notice` 1 nanoTON, `rest of message` the payout and what the message brought, `everything` the balance. */
export interface Payment {
  readonly to: Address
  readonly carries: { readonly kind: 'notice' } | { readonly kind: 'payout'; readonly payout: bigint } | { readonly kind: 'everything' }
  readonly event: Told
}

export type Verdict =
  | { readonly exit: 0; readonly next: ModelChannel; readonly payment?: Payment; readonly removed?: boolean }
  | { readonly exit: number; readonly next?: undefined }

const RESERVE = 10_000_000n
const COINS_END = 1n << 120n
const TIME_END = 2 ** 32

/**
 * What the channel must make of `message`. `balance` is in nanoTON and includes `value`, what the message brought; rent is
 * already taken off.
 */
export function judge(channel: ModelChannel, message: ModelMessage, balance: bigint, value: bigint): Verdict {
  if (message.bounced) return { exit: 0, next: channel }
  try {
    return act(channel, message, balance, value)
  } catch (error) {
    if (error instanceof Refusal) return { exit: error.exit }
    throw error
  }
}

function act(channel: ModelChannel, { from, body, now }: ModelMessage, balance: bigint, value: bigint): Verdict {
  if (body.bits.length === 0 && body.refs.length === 0) return deposit(channel, now, balance)
  need(body.bits.length >= 32, 65535)
  const slice = body.beginParse()
  switch (slice.loadUint(32)) {
    case 0:
      return deposit(channel, now, balance)
    case 0x44505431:
      endsAfterQueryId(slice)
      return deposit(channel, now, balance)
    case 0x53544c31:
      return settle(channel, slice, now, balance - value)
    case 0x43425031: {
      endsAfterQueryId(slice)
      need(isLive(channel), 100)
      need(from.equals(parties(channel).payee), 101)
      return close(channel, now)
    }
    case 0x43524c31:
      need(isLive(channel), 100)
      release(channel, slice)
      return close(channel, now)
    case 0x53434c31:
      endsAfterQueryId(slice)
      return startClose(channel, from, now)
    case 0x46434c31:
      endsAfterQueryId(slice)
      if (channel.status === 0) need(now > openUntil(channel), 102)
      else if (channel.status === 2) need(now >= channel.closesAt, 102)
      else need(channel.status === 3, 100)
      return close(channel, now)
    default:
      throw new Refusal(65535)
  }
}

function deposit(channel: ModelChannel, now: number, balance: bigint): Verdict {
  need(channel.status === 0 || channel.status === 1, 100)
  if (channel.status === 0) checkTerms(channel, now)
  const deposited = channel.settled + balance - RESERVE
  need(deposited > channel.deposited, 109)
  need(deposited < COINS_END, 5)
  return notify({ ...channel, status: 1, deposited })
}

function checkTerms(channel: ModelChannel, now: number): void {
  need(now <= openUntil(channel), 102)
  const slice = channel.terms.beginParse()
  for (let i = 0; i < 2; i++) {
    need(slice.remainingBits >= 11 && slice.loadUint(11) === 0b100_0000_0000, 110)
    strictly(() => slice.skip(256))
  }
  need(strictly(() => slice.loadUint(32)) <= 30 * 86_400, 110)
  strictly(() => slice.skip(96).endParse())
}

function settle(channel: ModelChannel, body: Slice, now: number, balanceBefore: bigint): Verdict {
  need(channel.status === 1 || channel.status === 2, 100)
  if (channel.status === 2) need(now < channel.closesAt, 102)
  const [authSig, auth, restCell] = strictly(() => {
    const parts = [body.skip(64).loadBuffer(64), body.loadRef(), body.loadRef()] as const
    body.endParse()
    return parts
  })
  const [claimSig, claim] = strictly(() => {
    const rest = ordinary(restCell)
    const parts = [rest.loadBuffer(64), rest.loadRef()] as const
    rest.endParse()
    return parts
  })
  need(hasLayout(channel), 9)
  need(isSignedBy(channel.payerKey, auth, authSig), 103)
  need(isSignedBy(channel.payeeKey, claim, claimSig), 103)
  const authorized = signedAmount(auth, 0x564f5531, 0)
  const claimed = signedAmount(claim, 0x434c4d31, 256)
  for (const { chain, address } of [authorized, claimed]) {
    need(chain === channel.chain, 104)
    need(address.equals(channel.address), 105)
  }
  need(claimed.amount <= authorized.amount, 106)
  const payout = least(least(claimed.amount, channel.deposited) - channel.settled, balanceBefore)
  need(payout > 0n, 107)
  const settled = channel.settled + payout
  const payment: Payment = { to: parties(channel).payee, carries: { kind: 'payout', payout }, event: { type: 'paid', settled } }
  return { exit: 0, next: { ...channel, settled }, payment }
}

function release(channel: ModelChannel, body: Slice): void {
  const [signature, cell] = strictly(() => {
    const parts = [body.skip(64).loadBuffer(64), body.loadRef()] as const
    body.endParse()
    return parts
  })
  need(hasLayout(channel), 9)
  need(isSignedBy(channel.payeeKey, cell, signature), 103)
  const { chain, address, amount } = signedAmount(cell, 0x52454c31, 0)
  need(chain === channel.chain, 104)
  need(address.equals(channel.address), 105)
  need(channel.settled >= amount, 108)
}

function startClose(channel: ModelChannel, from: Address, now: number): Verdict {
  need(channel.status === 1, 100)
  const { payer, challengePeriod } = parties(channel)
  need(from.equals(payer), 101)
  const closesAt = now + challengePeriod
  need(closesAt < TIME_END, 5)
  return notify({ ...channel, status: 2, closesAt })
}

function notify(next: ModelChannel): Verdict {
  const { status, deposited, settled, closesAt } = next
  const event: Told = { type: 'notice', status, deposited, settled, closesAt }
  return { exit: 0, next, payment: { to: parties(next).payee, carries: { kind: 'notice' }, event } }
}

function close(channel: ModelChannel, now: number): Verdict {
  const payment: Payment = {
    to: payerOf(channel),
    carries: { kind: 'everything' },
    event: { type: 'refunded', settled: channel.settled },
  }
  return { exit: 0, next: { ...channel, status: 3 }, payment, removed: now > openUntil(channel) }
}

function isLive({ status }: ModelChannel): boolean {
  return status === 1 || status === 2
}

/** Whoever has put more into the storage of an address than the layout can be paid back from it, but pays nobody. */
function hasLayout({ tail }: ModelChannel): boolean {
  return tail.bits.length === 0 && tail.refs.length === 0
}

/** Who gets what was never settled: any standard address, so that also a channel that could not open pays back. */
function payerOf({ terms }: ModelChannel): Address {
  return strictly(() => standardAddress(ordinary(terms)))
}

/** Everybody and everything in the terms of a channel that could open. */
function parties({ terms }: ModelChannel): { payer: Address; payee: Address; challengePeriod: number } {
  const slice = terms.beginParse()
  return { payer: slice.loadAddress(), payee: slice.loadAddress(), challengePeriod: slice.loadUint(32) }
}

/** The uint32 that stands 96 bits before the end. */
function openUntil({ terms }: ModelChannel): number {
  const slice = ordinary(terms)
  need(slice.remainingBits >= 96, 9)
  return slice.skip(slice.remainingBits - 96).loadUint(32)
}
