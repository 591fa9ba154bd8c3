/** Running contracts: get-methods, external messages, what they would cost. */
import { beginCell, type Cell, external, loadMessage, type Message, storeMessage } from '@ton/core'
import { z } from 'zod'
import { DevChainError } from '../errors.ts'
import { address, bytes, int32, invalid, readCell } from '../parameters.ts'
import { presentBlockId, presentTransactionId } from '../present.ts'
import { readStack } from '../read-stack.ts'
import { writeStack } from '../write-stack.ts'
import { accountOf, type Context, type Method, method } from './method.ts'

/** Parameter 43 of the configuration. */
const mostBytes = 65_535
const mostDepth = 512

export const runMethods: Record<string, Method> = {
  runGetMethod: method(
    z.strictObject({
      address,
      method: z.union([z.string().min(1).max(128), int32]),
      stack: z.array(z.unknown()),
      seqno: int32.optional(),
    }),
    async (context, asked) => {
      if (asked.seqno !== undefined && asked.seqno <= 0) throw invalid('seqno should be positive')
      const view = asked.seqno === undefined ? context.view : context.view.at(asked.seqno)
      const account = accountOf(context, asked.address, asked.seqno)
      const result = await context.chain.runGetMethod(view, asked.address, account, methodId(asked.method), readStack(asked.stack))
      return {
        '@type': 'smc.runResult',
        gas_used: result.gasUsed,
        stack: writeStack(result.stack),
        exit_code: result.exitCode,
        block_id: presentBlockId(view.blockId(-1)),
        last_transaction_id: presentTransactionId(account.lastLt, account.lastHash),
      }
    },
    { postOnly: true },
  ),

  sendBoc: method(
    z.strictObject({ boc: bytes }),
    async (context, { boc }) => {
      await send(context, boc)
      return { '@type': 'ok' }
    },
    { postOnly: true },
  ),

  sendBocReturnHash: method(
    z.strictObject({ boc: bytes }),
    async (context, { boc }) => {
      const { cell, message } = await send(context, boc)
      return { '@type': 'raw.extMessageInfo', hash: cell.hash().toString('base64'), hash_norm: normalHash(message).toString('base64') }
    },
    { postOnly: true },
  ),

  estimateFee: method(
    z.strictObject({
      address,
      body: bytes,
      init_code: bytes.optional(),
      init_data: bytes.optional(),
      ignore_chksig: z.boolean().default(true),
    }),
    async ({ chain, view }, asked) => {
      const code = asked.init_code?.length ? readCell(asked.init_code, 'init_code') : undefined
      const data = asked.init_data?.length ? readCell(asked.init_data, 'init_data') : undefined
      if ((code === undefined) !== (data === undefined)) throw invalid('init_code and init_data should be used together')
      const init = code && data && { code, data }
      const fees = await chain.estimate(view, asked.address, readCell(asked.body, 'body'), init, asked.ignore_chksig)
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
    { postOnly: true },
  ),
}

async function send({ chain, met }: Context, boc: Buffer): Promise<{ cell: Cell; message: Message }> {
  if (boc.length === 0) throw invalid('empty boc')
  const read = readExternal(boc)
  if (!met.first('swallow')) await chain.accept(read.message)
  return read
}

// What a node checks before it looks at the receiver.
function readExternal(boc: Buffer): { cell: Cell; message: Message } {
  if (boc.length > mostBytes) throw refused('external message too large, rejecting')
  const cell = (() => {
    try {
      return readCell(boc, 'boc')
    } catch (cause) {
      throw refused('external message is not a valid bag of cells', cause)
    }
  })()
  if (cell.depth() >= mostDepth) throw refused('external message is too deep')
  try {
    const message = loadMessage(cell.beginParse())
    if (message.info.type === 'external-in') return { cell, message }
  } catch (cause) {
    throw refused('external message is not a (Message Any) according to automated checks', cause)
  }
  throw refused('external message must begin with ext_in_msg_info$10')
}

function refused(reason: string, cause?: unknown): DevChainError {
  const words = `LITE_SERVER_UNKNOWN: cannot apply external message to current state : failed to parse external message: ${reason}`
  return new DevChainError('rejected', words, { cause })
}

// TEP-467: the hash of the message with everything left out that its sender can change without changing what it does.
function normalHash({ info, body }: Message): Buffer {
  if (info.type !== 'external-in') throw new TypeError('not an external message')
  const message = external({ to: info.dest, body })
  return beginCell()
    .store(storeMessage(message, { forceRef: true }))
    .endCell()
    .hash()
}

/** A get-method's id: CRC-16/XMODEM of its name, with bit 16 set. A name that is a number is that id. */
function methodId(name: string | number): number {
  if (typeof name === 'number') return name
  if (/^-?[0-9]{1,10}$/.test(name)) return Number(name)
  let crc = 0
  for (const byte of Buffer.from(name, 'utf8')) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc | 0x10000
}
