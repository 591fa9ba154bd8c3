/** The methods of toncenter's v2 JSON-RPC, in its own shapes, and a few of ours that only a development chain can have. */
import { Address, Cell, loadTransaction, type Message, type Transaction } from '@ton/core'
import { z } from 'zod'
import { type DevChain, readExternal } from './chain.ts'
import { DEV_GLOBAL_ID } from './config.ts'
import { DevChainError } from './errors.ts'
import { readStack, writeStack } from './stack.ts'
import type { StoredTransaction } from './store.ts'

type Method = (chain: DevChain, parameters: Record<string, unknown>) => unknown
const shard = '-9223372036854775808'
const hash32 = Buffer.alloc(32)

/** Runs a method. Throws {@link DevChainError}. */
export async function call(chain: DevChain, method: string, parameters: unknown): Promise<unknown> {
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (!run) throw new DevChainError('unknown-method', `no such method: ${method.slice(0, 64)}`)
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))
    throw new DevChainError('bad-request', 'params must be an object')
  return run(chain, parameters as Record<string, unknown>)
}

const address = z
  .string()
  .max(128)
  .transform((text, context) => {
    try {
      return Address.parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: 'Incorrect address' })
      return z.NEVER
    }
  })
const boc = z.string().max(1024 * 1024)
const lt = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(/^[0-9]{1,19}$/))
const whole = z.coerce.number().int().min(0)

function read<Schema extends z.ZodType>(schema: Schema, parameters: unknown): z.output<Schema> {
  const parsed = schema.safeParse(parameters)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new DevChainError('bad-request', `${issue?.path.join('.')}: ${issue?.message}`)
}

const methods: Record<string, Method> = {
  getAddressInformation: (chain, parameters) => information(chain, read(z.object({ address }), parameters).address),
  getAddressBalance: (chain, parameters) => chain.account(read(z.object({ address }), parameters).address).balance.toString(),
  getAddressState: (chain, parameters) => chain.account(read(z.object({ address }), parameters).address).state,

  async runGetMethod(chain, parameters) {
    const asked = read(z.object({ address, method: z.union([z.string().max(128), z.number()]), stack: z.unknown() }), parameters)
    const result = await chain.runGetMethod(asked.address, methodId(asked.method), readStack(asked.stack ?? []))
    return {
      '@type': 'smc.runResult',
      gas_used: result.gasUsed,
      exit_code: result.exitCode,
      stack: writeStack(result.stack),
      block_id: blockId(chain),
    }
  },

  async sendBoc(chain, parameters) {
    await chain.accept(readExternal(bytes(read(z.object({ boc }), parameters).boc)))
    return { '@type': 'ok' }
  },

  async sendBocReturnHash(chain, parameters) {
    const raw = bytes(read(z.object({ boc }), parameters).boc)
    await chain.accept(readExternal(raw))
    return { '@type': 'raw.extMessageInfo', hash: Cell.fromBoc(raw)[0]!.hash().toString('base64') }
  },

  async estimateFee(chain, parameters) {
    const asked = read(
      z.object({ address, body: boc, init_code: boc.default(''), init_data: boc.default(''), ignore_chksig: z.boolean().default(true) }),
      parameters,
    )
    const init = asked.init_code && asked.init_data ? { code: cell(asked.init_code), data: cell(asked.init_data) } : undefined
    const fees = await chain.estimate(asked.address, cell(asked.body), init, asked.ignore_chksig)
    return {
      '@type': 'query.fees',
      source_fees: {
        '@type': 'fees',
        in_fwd_fee: Number(fees.inForward),
        storage_fee: Number(fees.storage),
        gas_fee: Number(fees.gas),
        fwd_fee: Number(fees.forward),
      },
      destination_fees: [],
    }
  },

  getTransactions(chain, parameters) {
    const asked = read(z.object({ address, limit: whole.max(1000).default(10), lt: lt.optional(), to_lt: lt.optional() }), parameters)
    const floor = BigInt(asked.to_lt ?? 0)
    return chain
      .transactions(asked.address, asked.lt, asked.limit)
      .filter(transaction => BigInt(transaction.lt) > floor)
      .map(presentTransaction)
  },

  getMasterchainInfo: chain => ({
    '@type': 'blocks.masterchainInfo',
    last: blockId(chain, -1),
    state_root_hash: hash32.toString('base64'),
    init: blockId(chain, -1, 0),
  }),

  shards(chain, parameters) {
    const { seqno } = read(z.object({ seqno: whole }), parameters)
    if (seqno > chain.seqno) throw new DevChainError('not-found', `block ${seqno} is not made yet`)
    return { '@type': 'blocks.shards', shards: [blockId(chain, 0, seqno)] }
  },

  getBlockTransactions(chain, parameters) {
    const asked = read(
      z.object({ workchain: z.coerce.number().int(), shard: z.string().optional(), seqno: whole, count: whole.default(1000) }),
      parameters,
    )
    if (asked.seqno > chain.seqno) throw new DevChainError('not-found', `block ${asked.seqno} is not made yet`)
    const found = chain.block(asked.seqno).filter(transaction => transaction.address.startsWith(`${asked.workchain}:`))
    const transactions = found
      .slice(0, asked.count)
      .map(({ address: account, lt: at, hash }) => ({ '@type': 'blocks.shortTxId', mode: 135, account, lt: at, hash }))
    return {
      '@type': 'blocks.transactions',
      id: blockId(chain, asked.workchain, asked.seqno),
      req_count: asked.count,
      incomplete: found.length > asked.count,
      transactions,
    }
  },

  tryLocateResultTx: (chain, parameters) => locate(chain, 'result', parameters),
  tryLocateTx: (chain, parameters) => locate(chain, 'result', parameters),
  tryLocateSourceTx: (chain, parameters) => locate(chain, 'source', parameters),

  // Ours: what a chain for development needs beside.
  dev_info: chain => ({ global_id: DEV_GLOBAL_ID, seqno: chain.seqno, now: chain.now() }),
  async dev_faucet(chain, parameters) {
    const asked = read(
      z.object({ address, amount: z.string().regex(/^[1-9][0-9]{0,18}$/, 'must be nanoTON in decimal digits') }),
      parameters,
    )
    await chain.give(asked.address, BigInt(asked.amount))
    return { '@type': 'ok' }
  },
}

function information(chain: DevChain, of: Address): object {
  const { balance, state, code, data, lastLt, lastHash } = chain.account(of)
  return {
    '@type': 'raw.fullAccountState',
    balance: balance.toString(),
    code: code?.toBoc().toString('base64') ?? '',
    data: data?.toBoc().toString('base64') ?? '',
    last_transaction_id: {
      '@type': 'internal.transactionId',
      lt: lastLt.toString(),
      hash: Buffer.from(lastHash.toString(16).padStart(64, '0'), 'hex').toString('base64'),
    },
    block_id: blockId(chain, -1),
    frozen_hash: '',
    sync_utime: chain.now(),
    state,
  }
}

function locate(chain: DevChain, end: 'source' | 'result', parameters: unknown): object {
  const asked = read(z.object({ source: address, destination: address, created_lt: lt }), parameters)
  const found = chain.locate(end, asked.source, asked.destination, asked.created_lt)
  if (!found) throw new DevChainError('not-found', 'message not found')
  return presentTransaction(found)
}

function blockId(chain: DevChain, workchain = -1, seqno = chain.seqno): object {
  return { '@type': 'ton.blockIdExt', workchain, shard, seqno, root_hash: hash32.toString('base64'), file_hash: hash32.toString('base64') }
}

function presentTransaction(stored: StoredTransaction): object {
  const transaction = loadTransaction(Cell.fromBase64(stored.data).beginParse())
  const { storage, total } = fees(transaction)
  return {
    '@type': 'raw.transaction',
    address: { '@type': 'accountAddress', account_address: stored.address },
    utime: stored.utime,
    data: stored.data,
    transaction_id: { '@type': 'internal.transactionId', lt: stored.lt, hash: stored.hash },
    fee: total.toString(),
    storage_fee: storage.toString(),
    other_fee: (total - storage).toString(),
    ...(transaction.inMessage ? { in_msg: presentMessage(transaction.inMessage) } : {}),
    out_msgs: transaction.outMessages.values().map(presentMessage),
  }
}

function fees({ description, totalFees }: Transaction): { storage: bigint; total: bigint } {
  const storage = description.type === 'generic' ? (description.storagePhase?.storageFeesCollected ?? 0n) : 0n
  return { storage, total: totalFees.coins }
}

function presentMessage({ info, body }: Message): object {
  const common = {
    '@type': 'raw.message',
    body_hash: body.hash().toString('base64'),
    msg_data: { '@type': 'msg.dataRaw', body: body.toBoc().toString('base64'), init_state: '' },
    message: '',
  }
  if (info.type === 'internal') {
    return {
      ...common,
      source: info.src.toString(),
      destination: info.dest.toString(),
      value: info.value.coins.toString(),
      fwd_fee: info.forwardFee.toString(),
      ihr_fee: info.ihrFee.toString(),
      created_lt: info.createdLt.toString(),
    }
  }
  const outside =
    info.type === 'external-out'
      ? { source: info.src.toString(), destination: '', created_lt: info.createdLt.toString() }
      : { source: '', destination: info.dest.toString(), created_lt: '0' }
  return { ...common, ...outside, value: '0', fwd_fee: '0', ihr_fee: '0' }
}

/** A get-method's id: CRC-16/XMODEM of its name, with bit 16 set. */
function methodId(method: string | number): number {
  if (typeof method === 'number') return method
  let crc = 0
  for (const byte of Buffer.from(method, 'utf8')) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc | 0x10000
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64')
}

function cell(base64: string): Cell {
  try {
    return Cell.fromBase64(base64)
  } catch (cause) {
    throw new DevChainError('bad-request', 'cannot deserialize bag-of-cells', { cause })
  }
}
