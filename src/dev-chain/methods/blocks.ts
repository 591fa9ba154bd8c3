/** Blocks: one masterchain, one basechain shard, a block of each under the same number. */
import { z } from 'zod'
import { DEV_GLOBAL_ID } from '../../lib/dev-global-id.ts'
import { DevChainError } from '../errors.ts'
import { hash, int32, int64, invalid } from '../parameters.ts'
import { presentBlockId, presentShortTransaction, presentTransaction, wholeShard } from '../present.ts'
import type { StoredTransaction } from '../store.ts'
import type { ChainView } from '../view.ts'
import { type Context, type Method, method } from './method.ts'

const bySeqno = z.strictObject({ seqno: int32 })
const whichShard = { workchain: int32, shard: int64 }
const blockName = { ...whichShard, seqno: int32, root_hash: hash.optional(), file_hash: hash.optional() }
const transactionsOf = z.strictObject({
  ...blockName,
  // TonClient leaves the hashes out, and so must whoever does not know them.
  after_lt: int64.optional(),
  after_hash: hash.optional(),
  count: int32.optional(),
})

export const blockMethods: Record<string, Method> = {
  getMasterchainInfo: method(z.strictObject({}), ({ view }) => ({
    '@type': 'blocks.masterchainInfo',
    last: presentBlockId(view.blockId(-1)),
    state_root_hash: view.blockId(-1).rootHash.toString('base64'),
    init: presentBlockId(view.blockId(-1, 1)),
  })),

  getConsensusBlock: method(z.strictObject({}), ({ view }) => ({
    '@type': 'ext.blocks.consensusBlock',
    consensus_block: view.seqno,
    timestamp: view.utime,
  })),

  shards: method(bySeqno, shards),
  getShards: method(bySeqno, shards),

  lookupBlock: method(
    z.strictObject({ ...whichShard, seqno: int32.optional(), lt: int64.optional(), unixtime: int32.optional() }),
    ({ view }, { workchain, shard, seqno, lt, unixtime }) => {
      if ([seqno, lt, unixtime].filter(by => by !== undefined).length !== 1)
        throw invalid('exactly one of seqno, lt, unixtime should be specified')
      checkShard(workchain, shard)
      if (seqno !== undefined) return presentBlockId(view.blockId(workchain, positive('seqno', seqno)))
      const [by, target] = lt === undefined ? (['utime', BigInt(unixtime ?? 0)] as const) : (['lt', lt] as const)
      if (target < 0n) throw invalid(`${lt === undefined ? 'unixtime' : 'lt'} should be non-negative`)
      return presentBlockId(view.blockId(workchain, view.lookup(workchain, by, target)))
    },
  ),

  getBlockHeader: method(z.strictObject(blockName), ({ view }, asked) => {
    const { workchain, seqno } = blockOf(view, asked)
    const { timeMs, startLt, endLt } = view.block(seqno, workchain)
    return {
      '@type': 'blocks.header',
      id: presentBlockId(view.blockId(workchain, seqno)),
      global_id: DEV_GLOBAL_ID,
      version: 0,
      after_merge: false,
      after_split: false,
      before_split: false,
      want_merge: false,
      want_split: false,
      validator_list_hash_short: 0,
      catchain_seqno: 0,
      min_ref_mc_seqno: Math.max(seqno - 1, 1),
      is_key_block: seqno === 1,
      prev_key_block_seqno: 1,
      start_lt: startLt.toString(),
      end_lt: endLt.toString(),
      gen_utime: Math.floor(timeMs / 1000),
      prev_blocks: seqno > 1 ? [presentBlockId(view.blockId(workchain, seqno - 1))] : [],
    }
  }),

  getBlockTransactions: method(transactionsOf, (context, asked) => listed(context, asked, 'blocks.transactions', presentShortTransaction)),
  getBlockTransactionsExt: method(transactionsOf, (context, asked) => listed(context, asked, 'blocks.transactionsExt', presentTransaction)),
}

function shards({ view }: Context, { seqno }: z.output<typeof bySeqno>): object {
  return { '@type': 'blocks.shards', shards: [presentBlockId(view.blockId(0, positive('seqno', seqno)))] }
}

// Transactions stand in the order of accounts, then of lt; `after_hash` (an account) and `after_lt` name the last one seen.
function listed(
  { view }: Context,
  asked: z.output<typeof transactionsOf>,
  type: string,
  present: (transaction: StoredTransaction) => object,
): object {
  const { count = 40, after_lt: afterLt, after_hash: afterHash } = asked
  if (count <= 0) throw invalid('count should be positive')
  if (count > 10_000) throw invalid('count should be less or equal 10000')
  if ((afterLt === undefined) !== (afterHash === undefined)) throw invalid('after_lt and after_hash should be used together')
  const { workchain, seqno } = blockOf(view, asked)
  const after = afterHash && `${workchain}:${afterHash.toString('hex')}`
  const rest = view
    .blockTransactions(workchain, seqno)
    .filter(({ address, lt }) => after === undefined || address > after || (address === after && BigInt(lt) > (afterLt ?? 0n)))
  return {
    '@type': type,
    id: presentBlockId(view.blockId(workchain, seqno)),
    req_count: count,
    incomplete: rest.length > count,
    transactions: rest.slice(0, count).map(present),
  }
}

/** The block that is named, by its number and, where they are given, by its hashes. */
function blockOf(
  view: ChainView,
  asked: { workchain: number; shard: bigint; seqno: number; root_hash?: Buffer | undefined; file_hash?: Buffer | undefined },
): { workchain: number; seqno: number } {
  const { workchain, shard, seqno, root_hash: root, file_hash: file } = asked
  checkShard(workchain, shard)
  const id = view.blockId(workchain, positive('seqno', seqno))
  if (root && file && !(id.rootHash.equals(root) && id.fileHash.equals(file)))
    throw new DevChainError(
      'not-there',
      `LITE_SERVER_NOTREADY: block (${workchain},8000000000000000,${seqno}) with these hashes is not in db`,
    )
  return { workchain, seqno }
}

function checkShard(workchain: number, shard: bigint): void {
  if ((workchain === 0 || workchain === -1) && shard.toString() === wholeShard) return
  throw new DevChainError(
    'not-there',
    `LITE_SERVER_NOTREADY: there is no shard (${workchain},${BigInt.asUintN(64, shard).toString(16).padStart(16, '0')})`,
  )
}

function positive(name: string, value: number): number {
  if (value <= 0) throw invalid(`${name} should be positive`)
  return value
}
