/**
 * `chrysalis channel audit`: was exactly what workers signed for charged, and nothing else? It reads the whole statement, checks
 * that its entries hang together, that each rests on a worker's signed receipt for this channel, and that every claim on the
 * chain names the statement as it stood at that amount. The proxy is believed in nothing.
 */
import { Address } from '@ton/core'
import { parseKeyset } from '../attestation/index.ts'
import { verifySignedStatement } from '../envelope/index.ts'
import { emptyRoot, entryHash } from '../ledger/index.ts'
import { sha256 } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { formatTon } from '../lib/nanoton.ts'
import { verifyClaim } from '../payment-channel/index.ts'
import { type PayersChannel, readAccountFile } from './account-file.ts'
import { apiKeyFrom, apiKeyVariable } from './api-key.ts'
import type { SettledClaim } from './claims.ts'
import { addressOf, timeOf } from './describe.ts'
import { DeskClient, type StatementPage } from './desk.ts'
import { ChannelCommandError } from './errors.ts'
import type { Outcome, World } from './world.ts'

export interface AuditOptions {
  readonly file: string
  readonly apiKey?: string
}

type Entry = StatementPage['entries'][number]

/** The statement as it was checked so far. */
interface Ledger {
  seq: number
  spent: bigint
  root: Buffer
  /** The statement's hashes by what was spent in all then: an entry that cost nothing changes the one and not the other. */
  readonly roots: Map<bigint, Set<string>>
}

/** Audits the channel of an account file. Throws {@link ChannelCommandError} `audit` at the first thing that is not as it was signed. */
export async function audit(options: AuditOptions, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const apiKey = await apiKeyFrom(options.apiKey, world.env)
  if (apiKey === undefined)
    throw new ChannelCommandError('key', `the statement is shown to an API key of the channel only: --api-key FILE, or ${apiKeyVariable}`)
  const desk = new DeskClient(channel.proxy, world.fetch)
  const checked = await checkStatement(channel, desk, apiKey)
  const chain = world.openChain(channel.endpoints, channel.network)
  const { state } = await chain.read(channel.address)
  if (state && state.settled > checked.spent)
    throw failure(`${formatTon(state.settled)} were settled on the chain, but the statement spends ${formatTon(checked.spent)} only`)
  const claims = await chain.claims(channel.address)
  for (const claim of claims) checkClaim(channel, claim, checked)
  const { seq, spent, root } = checked
  return {
    json: {
      channel: addressOf(channel),
      entries: seq,
      spent: spent.toString(),
      settled: (state?.settled ?? 0n).toString(),
      root: root.toString('hex'),
      claims: claims.map(({ amount, at }) => ({ amount: amount.toString(), at })),
    },
    lines: [
      `channel     ${addressOf(channel)}`,
      `entries     ${seq}, each on a receipt that a worker signed for this channel, ${formatTon(spent)} in all`,
      `claims      ${claims.length} on the chain, each of this statement as it stood then`,
      ...claims.map(({ amount, at }) => `            ${timeOf(at)}  ${formatTon(amount)}`),
      `unclaimed   ${formatTon(spent - (state?.settled ?? 0n))}`,
    ],
  }
}

async function checkStatement(channel: PayersChannel, desk: DeskClient, apiKey: string): Promise<Ledger> {
  const checked: Ledger = { seq: 0, spent: 0n, root: emptyRoot, roots: new Map([[0n, new Set([emptyRoot.toString('hex')])]]) }
  const keys = new Map<string, Buffer>()
  for (;;) {
    const page = await desk.statement(apiKey, checked.seq)
    if (!isSameAddress(page.channel, channel.address)) throw failure(`the API key is of another channel, ${page.channel}`)
    for (const entry of page.entries) {
      checkEntry(entry, checked)
      await checkReceipt(entry, channel, async digest => {
        const known = keys.get(digest) ?? (await receiptKey(desk, apiKey, digest))
        keys.set(digest, known)
        return known
      })
    }
    if (page.entries.length > 0) continue
    if (page.root !== checked.root.toString('hex') || BigInt(page.spent) !== checked.spent)
      throw failure(`the proxy says that ${page.spent} nanoTON were spent, its entries come to ${checked.spent}, or to another hash`)
    return checked
  }
}

/** An entry follows the one before it, and hashes to what it says. */
function checkEntry({ seq, rid, receipt_hash, cost, spent, prev, hash }: Entry, checked: Ledger): void {
  const what = `entry ${seq} (${rid})`
  if (seq !== checked.seq + 1) throw failure(`${what} comes after entry ${checked.seq}`)
  if (prev !== checked.root.toString('hex')) throw failure(`${what} does not carry the hash of the entry before it`)
  if (BigInt(spent) !== checked.spent + BigInt(cost)) throw failure(`${what} does not add up`)
  const own = entryHash({
    seq,
    rid,
    receiptHash: Buffer.from(receipt_hash, 'hex'),
    cost: BigInt(cost),
    spent: BigInt(spent),
    prev: Buffer.from(prev, 'hex'),
  })
  if (own.toString('hex') !== hash) throw failure(`${what} does not hash to what it says`)
  checked.seq = seq
  checked.spent = BigInt(spent)
  checked.root = own
  checked.roots.set(checked.spent, (checked.roots.get(checked.spent) ?? new Set()).add(hash))
}

/** An entry rests on a worker's signature, for this channel, over this cost. */
async function checkReceipt(entry: Entry, channel: PayersChannel, keyOf: (keysetDigest: string) => Promise<Buffer>): Promise<void> {
  const what = `the receipt of entry ${entry.seq} (${entry.rid})`
  const bytes = Buffer.from(entry.receipt, 'base64')
  if (sha256(bytes).toString('hex') !== entry.receipt_hash) throw failure(`${what} is not the one that was charged`)
  try {
    const receipt = verifySignedStatement(bytes, await keyOf(entry.evidence))
    if (receipt.keyset !== entry.evidence) throw new RangeError('is of another keyset')
    if (receipt.rid !== entry.rid) throw new RangeError('is of another request')
    if (!isSameAddress(receipt.channel, channel.address)) throw new RangeError('is of another channel')
    if (receipt.cost !== entry.cost) throw new RangeError(`is over ${receipt.cost} nanoTON, not ${entry.cost}`)
  } catch (cause) {
    if (cause instanceof ChannelCommandError) throw cause
    throw failure(`${what} does not hold: ${messageOf(cause)}`, cause)
  }
}

/** An address has several spellings. */
function isSameAddress(text: string, address: Address): boolean {
  try {
    return Address.parse(text).equals(address)
  } catch {
    return false
  }
}

/** The key that receipts are signed with, out of the keyset that hashes to `digest`. */
async function receiptKey(desk: DeskClient, apiKey: string, digest: string): Promise<Buffer> {
  const keyset = Buffer.from((await desk.evidence(apiKey, digest)).keyset, 'base64')
  if (sha256(keyset).toString('hex') !== digest) throw failure(`the keyset that is shown for ${digest} has another hash`)
  return Buffer.from(parseKeyset(keyset).receipt.public_key, 'base64')
}

/** A claim is the payee's, over the statement as it stood at that amount. */
function checkClaim({ network, address, payeeKey }: PayersChannel, { amount, root, signature, at }: SettledClaim, { roots }: Ledger): void {
  const what = `the claim of ${formatTon(amount)} from ${timeOf(at)}`
  try {
    verifyClaim(payeeKey, { chain: network.globalId, channel: address, amount, root }, signature)
  } catch (cause) {
    throw new ChannelCommandError('chain', `the endpoint shows a claim that the payee has not signed: it lies`, { cause })
  }
  const known = roots.get(amount)
  if (known === undefined) throw failure(`${what} is over an amount that the statement never stood at`)
  if (!known.has(root.toString('hex'))) throw failure(`${what} names another statement than the one that is shown now`)
}

function failure(message: string, cause?: unknown): ChannelCommandError {
  return new ChannelCommandError('audit', `${message}. Keep this output: it is the proof.`, { cause })
}
