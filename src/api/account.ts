import type { Handler } from 'hono'
import type { Ledger } from '../ledger/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** `GET /v1/account`: the channel of the key, with authorised, spent, settled, deposited and available kept apart; nanoTON as decimal strings. */
export function account(ledger: Pick<Ledger, 'account'>): Handler<ApiEnv> {
  return c => {
    const found = ledger.account(c.get('key').channel)
    if (!found) throw new ApiError('not_found', 'The channel of this key is not known.')
    const { channel, deposited, authorised, settled, spent, reserved, available } = found
    const amounts = { deposited, authorised, settled, spent, reserved, available }
    return c.json({ channel, ...Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount.toString()])) })
  }
}
