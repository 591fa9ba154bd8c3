import type { Handler } from 'hono'
import type { Ledger, StatementRecord } from '../ledger/index.ts'
import { toBase64, toHex } from '../lib/bytes.ts'
import { statementQuery } from '../openai/index.ts'
import { toWireLimits } from '../settlement/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

const states = ['new', 'open', 'closing', 'closed'] as const
/** A page of a statement has so many entries at most, and where nothing is said. */
const usualPage = 100

/** `GET /v1/account`: the channel of the key, with authorised, spent, settled, deposited and available kept apart; nanoTON as decimal strings. */
export function account(ledger: Pick<Ledger, 'account' | 'keysOf'>): Handler<ApiEnv> {
  return c => {
    const { channel: address, hash } = c.get('key')
    const found = ledger.account(address)
    const key = ledger.keysOf(address).find(each => each.hash === hash)
    if (!found || !key) throw new ApiError('not_found', 'The channel of this key is not known.')
    const { channel, status, stopped, deposited, authorised, settled, spent, reserved, available } = found
    const amounts = { deposited, authorised, settled, spent, reserved, available }
    return c.json({
      channel,
      status: stopped && status === 1 ? 'stopped' : states[status],
      ...Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount.toString()])),
      key: { key_id: key.id, spent: key.spent.toString(), limits: toWireLimits(key.limits) },
    })
  }
}

/** `GET /v1/account/statement`: what was charged, entry by entry, each with the signed receipt that it rests on and the hash of all before it. */
export function statement(ledger: Pick<Ledger, 'statement'>): Handler<ApiEnv> {
  return async c => {
    const query = statementQuery.safeParse(c.req.query())
    if (!query.success) {
      const { path, message } = query.error.issues[0]!
      const param = String(path[0])
      throw new ApiError('invalid_request', `${param} ${message}.`, { param })
    }
    const { after = '0', limit = String(usualPage) } = query.data
    const { channel } = c.get('key')
    const { entries, root, spent } = await ledger.statement(channel, Number(after), Number(limit))
    return c.json({ channel, entries: entries.map(toWire), root: toHex(root), spent: spent.toString() })
  }
}

/** `GET /v1/account/evidence/{digest}`: the keyset and quote that a receipt of this account was signed under. */
export function accountEvidence(ledger: Pick<Ledger, 'evidence'>): Handler<ApiEnv> {
  return async c => {
    const digest = c.req.param('digest') ?? ''
    const found = /^[0-9a-f]{64}$/.test(digest) ? await ledger.evidence(digest, c.get('key').channel) : undefined
    if (!found) throw new ApiError('not_found', 'No receipt of this account was signed under such evidence.')
    return c.json({ digest, keyset: toBase64(found.keyset), quote: toBase64(found.quote), at: Math.floor(found.at / 1_000) })
  }
}

function toWire({ seq, rid, receiptHash, cost, spent, prev, hash, at, receipt, model, worker, evidence }: StatementRecord): object {
  return {
    seq,
    rid,
    receipt_hash: toHex(receiptHash),
    cost: cost.toString(),
    spent: spent.toString(),
    prev: toHex(prev),
    hash: toHex(hash),
    at: Math.floor(at / 1_000),
    receipt: toBase64(receipt),
    model,
    worker,
    evidence,
  }
}
