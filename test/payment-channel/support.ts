/** Accounts as an endpoint might show them. */
import { beginCell } from '@ton/core'
import type { AccountView } from '../../src/payment-channel/agreement.ts'

export const cell = (value: number) => beginCell().storeUint(value, 32).endCell()

/** An account after the transaction `lt`, with a number for its data. */
export function view(more: Partial<AccountView> & { lt?: number; content?: number } = {}): AccountView {
  const { lt = 5, content = 1, ...rest } = more
  return {
    balance: 100n,
    extra_currencies: undefined,
    state: 'active',
    code: cell(7).toBoc(),
    data: cell(content).toBoc(),
    lastTransaction: lt === 0 ? null : { lt: String(lt), hash: `hash ${lt}` },
    blockId: { workchain: -1, shard: '-9223372036854775808', seqno: 10 },
    timestampt: 1_000,
    ...rest,
  }
}
