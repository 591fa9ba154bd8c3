/** The claims that stand on the chain: each settlement of a channel carries the payee's word for an amount, and the statement's hash at it. */
import type { Address, Cell, Slice, Transaction } from '@ton/core'
import type { TonClient } from '@ton/ton'
import { messageOf } from '../lib/coded-error.ts'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'
import { ChannelCommandError } from './errors.ts'

/** A claim as a settle message carried it. Its signature is not checked yet. */
export interface SettledClaim {
  readonly amount: Nanoton
  readonly root: Buffer
  readonly signature: Buffer
  /** Unix seconds of the block that took it. */
  readonly at: number
}

const settleOp = 0x53544c31
const claimTag = 0x434c4d31
const pageSize = 50

/** Every claim that the channel's successful settlements carried, newest first. Throws {@link ChannelCommandError} `chain`. */
export async function readClaims(client: Pick<TonClient, 'getTransactions'>, channel: Address): Promise<SettledClaim[]> {
  const claims: SettledClaim[] = []
  let after: { lt: string; hash: string } | undefined
  for (;;) {
    const page = await client.getTransactions(channel, { limit: pageSize, archival: true, ...after }).catch(cause => {
      throw new ChannelCommandError('chain', `the history of ${channel} cannot be read: ${messageOf(cause)}`, { cause })
    })
    claims.push(...page.flatMap(transaction => claimIn(transaction) ?? []))
    const last = page.at(-1)
    if (!last || page.length < pageSize || last.prevTransactionLt === 0n) return claims
    after = { lt: last.lt.toString(), hash: last.hash().toString('base64') }
  }
}

/** The claim that a transaction settled; undefined for any other transaction, and for one that the contract refused. */
function claimIn({ inMessage, description, now }: Transaction): SettledClaim | undefined {
  const took = description.type === 'generic' && description.computePhase.type === 'vm' && description.computePhase.success
  if (!took || inMessage?.info.type !== 'internal') return undefined
  try {
    return { ...readSettle(inMessage.body), at: now }
  } catch {
    return undefined
  }
}

/** Reads `settle#53544c31 query_id:uint64 auth_sig:bits512 auth:^Authorization rest:^[claim_sig:bits512 claim:^Claim]`. */
function readSettle(body: Cell): Omit<SettledClaim, 'at'> {
  const slice = body.beginParse()
  expectTag(slice, settleOp)
  slice.skip(64 + 512).loadRef()
  const rest = slice.loadRef().beginParse()
  const signature = rest.loadBuffer(64)
  const claim = rest.loadRef().beginParse()
  expectTag(claim, claimTag)
  claim.skip(32).loadAddress()
  const amount = nanoton(claim.loadCoins())
  return { amount, root: claim.loadBuffer(32), signature }
}

function expectTag(slice: Slice, tag: number): void {
  if (slice.loadUint(32) !== tag) throw new RangeError('another message')
}
