import type { Handler } from 'hono'
import type { Ledger } from '../ledger/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** `GET /v1/receipts/{rid}`: the worker-signed bytes a charge rests on, and what they charge. A receipt of another account is not found. */
export function receipt(ledger: Pick<Ledger, 'receipt'>): Handler<ApiEnv> {
  return async c => {
    const rid = c.req.param('rid') ?? ''
    const found = /^[A-Za-z0-9_-]{22}$/.test(rid) ? await ledger.receipt(rid) : undefined
    if (!found || found.channel !== c.get('key').channel)
      throw new ApiError('not_found', 'There is no receipt with this id on your account.')
    return c.json({ receipt: Buffer.from(found.receipt).toString('base64'), cost: found.cost.toString() })
  }
}
