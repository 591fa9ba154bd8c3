/** What there is at an address. */
import type { Address } from '@ton/core'
import { z } from 'zod'
import type { AccountState } from '../machine.ts'
import { address, int32, invalid } from '../parameters.ts'
import { hashText, presentBlockId, presentExtraCurrencies, presentTransactionId } from '../present.ts'
import { accountOf, type Context, type Method, method } from './method.ts'
import { readWallet } from './wallets.ts'

const parameters = z.strictObject({ address, seqno: int32.optional() })

export const accountMethods: Record<string, Method> = {
  getAddressInformation: method(parameters, (context, asked) => {
    const { account, common } = look(context, asked)
    return {
      '@type': 'raw.fullAccountState',
      ...common,
      code: account.code?.toBoc().toString('base64') ?? '',
      data: account.data?.toBoc().toString('base64') ?? '',
      frozen_hash: frozenHash(account),
      state: account.state,
      suspended: false,
    }
  }),

  getExtendedAddressInformation: method(parameters, (context, asked) => {
    const { account, common } = look(context, asked)
    return {
      '@type': 'fullAccountState',
      address: { '@type': 'accountAddress', account_address: asked.address.toString() },
      ...common,
      account_state: extendedState(account),
      revision: 0,
    }
  }),

  getWalletInformation: method(parameters, (context, asked) => {
    const { account } = look(context, asked)
    const wallet = readWallet(account)
    return {
      '@type': 'ext.accounts.walletInformation',
      wallet: wallet !== undefined,
      balance: account.balance.toString(),
      account_state: account.state,
      last_transaction_id: presentTransactionId(account.lastLt, account.lastHash),
      ...(wallet
        ? {
            wallet_type: wallet.type,
            seqno: wallet.seqno,
            ...(wallet.walletId === undefined ? {} : { wallet_id: wallet.walletId }),
            ...(wallet.isSignatureAllowed === undefined ? {} : { is_signature_allowed: wallet.isSignatureAllowed }),
          }
        : {}),
    }
  }),

  getAddressBalance: method(parameters, (context, asked) => look(context, asked).account.balance.toString()),

  getAddressState: method(parameters, (context, asked) => look(context, asked).account.state),
}

function look(context: Context, { address: of, seqno }: { address: Address; seqno?: number | undefined }) {
  if (seqno !== undefined && seqno <= 0) throw invalid('seqno should be positive')
  const view = seqno === undefined ? context.view : context.view.at(seqno)
  const account = accountOf(context, of, seqno)
  const common = {
    balance: account.balance.toString(),
    extra_currencies: presentExtraCurrencies(account.extraCurrencies),
    last_transaction_id: presentTransactionId(account.lastLt, account.lastHash),
    block_id: presentBlockId(view.blockId(-1)),
    sync_utime: view.utime,
  }
  return { account, common }
}

function extendedState(account: AccountState): object {
  if (account.state !== 'active') return { '@type': 'uninited.accountState', frozen_hash: frozenHash(account) }
  const wallet = readWallet(account)
  const version = wallet?.type.startsWith('wallet v3') ? 'v3' : wallet?.type.startsWith('wallet v4') ? 'v4' : undefined
  if (wallet && version) return { '@type': `wallet.${version}.accountState`, wallet_id: wallet.walletId, seqno: wallet.seqno }
  return {
    '@type': 'raw.accountState',
    code: account.code?.toBoc().toString('base64') ?? '',
    data: account.data?.toBoc().toString('base64') ?? '',
    frozen_hash: '',
  }
}

function frozenHash({ frozenHash: hash }: AccountState): string {
  return hash === undefined ? '' : hashText(hash)
}
