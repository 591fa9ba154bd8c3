/** What happened to an account, and where a message came from or went. */
import { z } from 'zod'
import { DevChainError } from '../errors.ts'
import { address, flag, hash, int32, int64, invalid } from '../parameters.ts'
import { presentTransaction } from '../present.ts'
import { type Method, method } from './method.ts'

const list = z.strictObject({
  address,
  limit: int32.optional(),
  lt: int64.optional(),
  hash: hash.optional(),
  to_lt: int64.optional(),
  archival: flag.optional(),
})
const ends = z.strictObject({ source: address, destination: address, created_lt: int64 })

export const transactionMethods: Record<string, Method> = {
  // Newest first: from (lt, hash), itself included, down to to_lt, itself left out.
  getTransactions: method(list, ({ view }, { address: of, limit = 10, lt = 0n, hash: named, to_lt: toLt = 0n }) => {
    if (limit <= 0) throw invalid('limit should be positive')
    if (limit > 1000) throw invalid('limit should be less or equal 1000')
    if (lt < 0n) throw invalid('lt should be non-negative')
    if ((lt !== 0n) !== (named !== undefined)) throw invalid('lt and hash should be used together')
    return view.transactions(of, named && { lt, hash: named }, toLt, limit).map(presentTransaction)
  }),

  tryLocateTx: locate('result'),
  tryLocateResultTx: locate('result'),
  tryLocateSourceTx: locate('source'),
}

function locate(end: 'source' | 'result'): Method {
  return method(ends, ({ view }, { source, destination, created_lt: createdLt }) => {
    if (createdLt < 0n) throw invalid('created_lt should be non-negative')
    const found = view.locate(end, source, destination, createdLt)
    if (!found) throw new DevChainError('not-found', 'transaction was not found')
    return presentTransaction(found)
  })
}
