/** Blocks, accounts and transactions in toncenter's JSON. */
import { Address, beginCell, Cell, loadTransaction, type Message, storeMessage, storeStateInit, type Transaction } from '@ton/core'
import { cellBytes } from './cell-bytes.ts'
import type { AccountState } from './machine.ts'
import type { StoredTransaction } from './store.ts'
import type { BlockId } from './view.ts'

/** All shards: the one that there is. */
export const wholeShard = '-9223372036854775808'

/** `ton.blockIdExt` */
export function presentBlockId({ workchain, seqno, rootHash, fileHash }: BlockId): object {
  return {
    '@type': 'ton.blockIdExt',
    workchain,
    shard: wholeShard,
    seqno,
    root_hash: rootHash.toString('base64'),
    file_hash: fileHash.toString('base64'),
  }
}

/** `internal.transactionId` */
export function presentTransactionId(lt: bigint | string, hash: bigint | string): object {
  return { '@type': 'internal.transactionId', lt: lt.toString(), hash: typeof hash === 'string' ? hash : hashText(hash) }
}

/** A 256-bit number in base64, as hashes are written. */
export function hashText(hash: bigint): string {
  return Buffer.from(hash.toString(16).padStart(64, '0'), 'hex').toString('base64')
}

/** `extraCurrency` */
export function presentExtraCurrencies(held: AccountState['extraCurrencies']): object[] {
  return held.map(({ id, amount }) => ({ '@type': 'extraCurrency', id, amount: amount.toString() }))
}

/** `ext.transaction` */
export function presentTransaction(stored: StoredTransaction): object {
  const transaction = loadTransaction(Cell.fromBase64(stored.data).beginParse())
  const { storage, total } = feesOf(transaction)
  return {
    '@type': 'ext.transaction',
    address: { '@type': 'accountAddress', account_address: Address.parseRaw(stored.address).toString() },
    account: rawText(stored.address),
    utime: stored.utime,
    data: stored.data,
    transaction_id: presentTransactionId(stored.lt, stored.hash),
    fee: total.toString(),
    storage_fee: storage.toString(),
    other_fee: (total - storage).toString(),
    ...(transaction.inMessage ? { in_msg: presentMessage(transaction.inMessage) } : {}),
    out_msgs: transaction.outMessages.values().map(presentMessage),
  }
}

/** `blocks.shortTxId` */
export function presentShortTransaction({ address, lt, hash }: StoredTransaction): object {
  return { '@type': 'blocks.shortTxId', mode: 135, account: rawText(address), lt, hash }
}

/** A raw address in toncenter's capitals. */
export function rawText(raw: string): string {
  return raw.toUpperCase()
}

// What leaves the account beside the messages' values: the transaction's fees and what forwarding its messages costs.
function feesOf({ description, totalFees, outMessages }: Transaction): { storage: bigint; total: bigint } {
  const storage = 'storagePhase' in description ? (description.storagePhase?.storageFeesCollected ?? 0n) : 0n
  const forward = outMessages.values().reduce((sum, { info }) => (info.type === 'internal' ? sum + info.forwardFee : sum), 0n)
  return { storage, total: totalFees.coins + forward }
}

// ext.message
function presentMessage(message: Message): object {
  const { info, body } = message
  const { data, text } = readBody(message)
  return {
    '@type': 'ext.message',
    hash: hashOf(message),
    source: info.type === 'external-in' ? '' : info.src.toString(),
    destination: info.type === 'external-out' ? '' : info.dest.toString(),
    value: info.type === 'internal' ? info.value.coins.toString() : '0',
    extra_currencies:
      info.type === 'internal' ? presentExtraCurrencies([...(info.value.other ?? [])].map(([id, amount]) => ({ id, amount }))) : [],
    fwd_fee: info.type === 'internal' ? info.forwardFee.toString() : '0',
    ihr_fee: info.type === 'internal' ? info.ihrFee.toString() : '0',
    created_lt: info.type === 'external-in' ? '0' : info.createdLt.toString(),
    body_hash: body.hash().toString('base64'),
    msg_data: data,
    message: text,
  }
}

// tonlib decodes text comments (op 0); the text of any other body is its first cell's bits in base64, with a line feed.
function readBody({ body, init }: Message): { data: object; text: string } {
  const comment = commentOf(body)
  if (comment) return { data: { '@type': 'msg.dataText', text: comment.toString('base64') }, text: comment.toString('utf8') }
  const initState = init ? beginCell().store(storeStateInit(init)).endCell().toBoc().toString('base64') : ''
  const bytes = cellBytes(body)
  return {
    data: { '@type': 'msg.dataRaw', body: body.toBoc().toString('base64'), init_state: initState },
    text: bytes.length > 0 ? `${bytes.toString('base64')}\n` : '',
  }
}

function commentOf(body: Cell): Buffer | undefined {
  const bits = body.beginParse()
  if (body.isExotic || bits.remainingBits < 32 || bits.loadUint(32) !== 0) return undefined
  try {
    const text = Buffer.from(bits.loadStringTail(), 'utf8')
    return text.includes('\ufffd') ? undefined : text
  } catch {
    return undefined
  }
}

function hashOf(message: Message): string {
  return beginCell().store(storeMessage(message)).endCell().hash().toString('base64')
}
