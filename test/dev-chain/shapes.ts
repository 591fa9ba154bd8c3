/** toncenter's answers, member by member: nothing missing, nothing more. From the OpenAPI description of its API v2. */
import { z } from 'zod'

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/)
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/)
const number = z.string().regex(/^(0|[1-9][0-9]*)$/)
const friendly = z.string().regex(/^[A-Za-z0-9_-]{48}$/)
const raw = z.string().regex(/^-?[0-9]+:[0-9A-F]{64}$/)
const typed = <Shape extends z.ZodRawShape>(type: string, shape: Shape) => z.strictObject({ '@type': z.literal(type), ...shape })

export const blockId = typed('ton.blockIdExt', {
  workchain: z.union([z.literal(-1), z.literal(0)]),
  shard: z.literal('-9223372036854775808'),
  seqno: z.int().min(1),
  root_hash: hash,
  file_hash: hash,
})
const transactionId = typed('internal.transactionId', { lt: number, hash })
const currencies = z.array(typed('extraCurrency', { id: z.int(), amount: number }))
const account = {
  balance: number,
  extra_currencies: currencies,
  last_transaction_id: transactionId,
  block_id: blockId,
  sync_utime: z.int(),
}
const state = z.enum(['active', 'uninitialized', 'frozen'])

const message = typed('ext.message', {
  hash,
  source: z.union([friendly, z.literal('')]),
  destination: z.union([friendly, z.literal('')]),
  value: number,
  extra_currencies: currencies,
  fwd_fee: number,
  ihr_fee: number,
  created_lt: number,
  body_hash: hash,
  msg_data: z.union([typed('msg.dataRaw', { body: base64, init_state: base64 }), typed('msg.dataText', { text: base64 })]),
  message: z.string(),
})
const transaction = typed('ext.transaction', {
  address: typed('accountAddress', { account_address: friendly }),
  account: raw,
  utime: z.int(),
  data: base64,
  transaction_id: transactionId,
  fee: number,
  storage_fee: number,
  other_fee: number,
  in_msg: message,
  out_msgs: z.array(message),
})
const listed = <Item extends z.ZodType>(type: string, item: Item) =>
  typed(type, { id: blockId, req_count: z.int(), incomplete: z.boolean(), transactions: z.array(item) })
const variant = typed('ext.utils.detectedAddressVariant', { b64: z.string().length(48), b64url: friendly })
const configInfo = typed('configInfo', { config: typed('tvm.cell', { bytes: base64 }) })
const ok = typed('ok', {})
const shards = typed('blocks.shards', { shards: z.tuple([blockId]) })
const position = z.strictObject({ global_id: z.int(), seqno: z.int(), now: z.int() })
const snapshot = z.strictObject({ name: z.string(), seqno: z.int(), now: z.int() })

export const shapes = {
  getAddressInformation: typed('raw.fullAccountState', {
    ...account,
    code: base64,
    data: base64,
    frozen_hash: z.union([hash, z.literal('')]),
    state,
    suspended: z.boolean(),
  }),
  getExtendedAddressInformation: typed('fullAccountState', {
    address: typed('accountAddress', { account_address: friendly }),
    ...account,
    account_state: z.union([
      typed('raw.accountState', { code: base64, data: base64, frozen_hash: z.string() }),
      typed('uninited.accountState', { frozen_hash: z.string() }),
    ]),
    revision: z.int(),
  }),
  getWalletInformation: typed('ext.accounts.walletInformation', {
    wallet: z.boolean(),
    balance: number,
    account_state: state,
    last_transaction_id: transactionId,
    wallet_type: z.literal('wallet v5 r1'),
    seqno: z.int(),
    wallet_id: z.int(),
    is_signature_allowed: z.boolean(),
  }),
  getAddressBalance: number,
  getAddressState: state,
  getMasterchainInfo: typed('blocks.masterchainInfo', { last: blockId, state_root_hash: hash, init: blockId }),
  getConsensusBlock: typed('ext.blocks.consensusBlock', { consensus_block: z.int(), timestamp: z.int() }),
  shards,
  getShards: shards,
  lookupBlock: blockId,
  getBlockHeader: typed('blocks.header', {
    id: blockId,
    global_id: z.int(),
    version: z.int(),
    after_merge: z.boolean(),
    after_split: z.boolean(),
    before_split: z.boolean(),
    want_merge: z.boolean(),
    want_split: z.boolean(),
    validator_list_hash_short: z.int(),
    catchain_seqno: z.int(),
    min_ref_mc_seqno: z.int(),
    is_key_block: z.boolean(),
    prev_key_block_seqno: z.int(),
    start_lt: number,
    end_lt: number,
    gen_utime: z.int(),
    prev_blocks: z.array(blockId),
  }),
  getBlockTransactions: listed('blocks.transactions', typed('blocks.shortTxId', { mode: z.int(), account: raw, lt: number, hash })),
  getBlockTransactionsExt: listed('blocks.transactionsExt', transaction),
  getTransactions: z.array(transaction).min(1),
  tryLocateTx: transaction,
  tryLocateResultTx: transaction,
  tryLocateSourceTx: transaction,
  runGetMethod: typed('smc.runResult', {
    gas_used: z.int(),
    stack: z.array(z.tuple([z.string(), z.unknown()])),
    exit_code: z.int(),
    block_id: blockId,
    last_transaction_id: transactionId,
  }),
  sendBoc: ok,
  sendBocReturnHash: typed('raw.extMessageInfo', { hash, hash_norm: hash }),
  estimateFee: typed('query.fees', {
    source_fees: typed('fees', { in_fwd_fee: z.int(), storage_fee: z.int(), gas_fee: z.int(), fwd_fee: z.int() }),
    destination_fees: z.tuple([]),
  }),
  packAddress: friendly,
  unpackAddress: raw,
  detectAddress: typed('ext.utils.detectedAddress', {
    raw_form: z.string(),
    bounceable: variant,
    non_bounceable: variant,
    given_type: z.enum(['raw_form', 'friendly_bounceable', 'friendly_non_bounceable']),
    test_only: z.boolean(),
  }),
  detectHash: typed('ext.utils.detectedHash', { b64: hash, b64url: z.string().length(43), hex: z.string().length(64) }),
  getConfigParam: configInfo,
  getConfigAll: configInfo,
  dev_info: position,
  dev_faucet: ok,
  dev_advanceTime: position,
  dev_setTime: position,
  dev_setClock: position,
  dev_mine: position,
  dev_setBlockInterval: position,
  dev_setDelivery: ok,
  dev_pending: z.array(z.strictObject({ due_block: z.int(), source: z.string(), destination: z.string(), boc: base64 })),
  dev_snapshot: snapshot,
  dev_snapshots: z.array(snapshot),
  dev_restore: position,
  dev_setFaults: ok,
  dev_faults: z.array(z.strictObject({ rule: z.object({ fault: z.string() }), hits: z.int() })),
} as const satisfies Record<string, z.ZodType>
