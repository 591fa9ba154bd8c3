/** Making one block: the messages that arrive in it, run one after the other, and what they send in turn. */
import { Address, beginCell, Cell, loadMessage, loadTransaction, storeMessage } from '@ton/core'
import { sha256, utf8 } from '../lib/bytes.ts'
import { type Delivery, dueBlock, type Random, takeNext, type Waiting } from './delivery.ts'
import { DevChainError } from './errors.ts'
import { emptyAccount, type Machine } from './machine.ts'
import type { Block, BlockWrite, StoredMessage, StoredTransaction } from './store.ts'

/** More than this in one block, and the rest waits for the next one: a loop between contracts does not stop the chain. */
const mostTransactions = 256
/** A block's logical times begin at a multiple of this. */
const blockLt = 1_000_000n

/** Where a block is made. */
export interface Site {
  readonly machine: Machine
  /** The shard account (base64) before this block, where there is one. */
  readonly account: (raw: string) => string | undefined
  readonly previous: Block
  readonly seqno: number
  readonly timeMs: number
  readonly intervalMs: number
  readonly delivery: Delivery
  readonly random: Random
  /** Messages that are under way already, and stay so. */
  readonly underWay: readonly Waiting[]
}

interface Draft {
  readonly accounts: Map<string, string>
  readonly transactions: StoredTransaction[]
  readonly messages: Map<string, StoredMessage>
  readonly sent: Waiting[]
  readonly ready: Waiting[]
  lt: bigint
}

/**
 * The block that `arriving` makes. Of these, the first `binding` must be accepted: throws {@link DevChainError} `rejected` where
 * one is not. Any other external message that is refused by then is dropped, as validators do.
 */
export async function makeBlock(site: Site, arriving: readonly Waiting[], binding = 0): Promise<BlockWrite> {
  const startLt = (site.previous.endLt / blockLt + 1n) * blockLt
  const draft: Draft = { accounts: new Map(), transactions: [], messages: new Map(), sent: [], ready: [], lt: startLt }
  for (const message of arriving.slice(0, binding)) await runOne(site, draft, message)
  draft.ready.unshift(...arriving.slice(binding))
  for (;;) {
    if (draft.transactions.length >= mostTransactions) break
    const message = takeNext(site.delivery, site.random, draft.ready)
    if (!message) break
    await runOne(site, draft, message).catch(error => {
      if (message.source !== '' || !(error instanceof DevChainError) || error.code !== 'rejected') throw error
    })
  }
  const late = draft.ready.map(message => ({ ...message, due: site.seqno + 1 }))
  return {
    block: {
      seqno: site.seqno,
      timeMs: site.timeMs,
      intervalMs: site.intervalMs,
      startLt,
      endLt: draft.lt + 1n,
      digest: digestOf(site, draft.transactions),
    },
    accounts: draft.accounts,
    transactions: draft.transactions,
    messages: Array.from(draft.messages.values()),
    waiting: [...late, ...site.underWay, ...draft.sent],
  }
}

async function runOne(site: Site, draft: Draft, { destination: raw, boc }: Waiting): Promise<void> {
  const before = draft.accounts.get(raw) ?? site.account(raw) ?? emptyAccount(Address.parseRaw(raw))
  const cell = Cell.fromBase64(boc)
  const utime = Math.floor(site.timeMs / 1000)
  const { transaction, shardAccount } = await site.machine.run(before, cell, { utime, lt: draft.lt + 1n })
  draft.accounts.set(raw, shardAccount)
  const { lt, outMessages } = loadTransaction(transaction.beginParse())
  draft.lt = lt
  draft.transactions.push({
    address: raw,
    lt: lt.toString(),
    hash: transaction.hash().toString('base64'),
    data: transaction.toBoc().toString('base64'),
    utime,
    seqno: site.seqno,
  })
  const { info } = loadMessage(cell.beginParse())
  if (info.type === 'internal') connect(draft, info.src.toRawString(), raw, info.createdLt, { resultLt: lt.toString() })
  for (const out of outMessages.values()) {
    if (out.info.type === 'external-in') continue
    if (out.info.createdLt > draft.lt) draft.lt = out.info.createdLt
    if (out.info.type === 'external-out') continue
    const destination = out.info.dest.toRawString()
    connect(draft, raw, destination, out.info.createdLt, { sourceLt: lt.toString() })
    send(site, draft, { source: raw, destination, boc: beginCell().store(storeMessage(out)).endCell().toBoc().toString('base64') })
  }
}

function send(site: Site, draft: Draft, message: Omit<Waiting, 'due'>): void {
  const due = dueBlock(site.delivery, site.random, site.seqno, message, [...site.underWay, ...draft.sent])
  ;(due <= site.seqno ? draft.ready : draft.sent).push({ ...message, due })
}

function connect(
  draft: Draft,
  source: string,
  destination: string,
  createdLt: bigint,
  end: { sourceLt?: string; resultLt?: string },
): void {
  const key = `${source} ${destination} ${createdLt}`
  const known = draft.messages.get(key) ?? {
    source,
    destination,
    createdLt: createdLt.toString(),
    sourceLt: undefined,
    resultLt: undefined,
  }
  draft.messages.set(key, { ...known, ...end })
}

// Every block commits to the one before it and to all its transactions, so that two histories never share a hash.
function digestOf({ previous, seqno, timeMs }: Site, transactions: readonly StoredTransaction[]): string {
  const content = JSON.stringify([previous.digest, seqno, timeMs, transactions.map(({ hash }) => hash)])
  return Buffer.from(sha256(utf8(content))).toString('hex')
}
