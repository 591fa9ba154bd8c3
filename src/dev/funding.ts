/**
 * Money for the development deployment, moved as a user would move it: the faucet fills wallets, the payer opens a channel
 * with a real transfer, signs an authorization, and asks the proxy for an API key.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { systemClock } from '../lib/clock.ts'
import { DEV_GLOBAL_ID } from '../lib/dev-global-id.ts'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'
import {
  channelAddress,
  channelInit,
  channelStatus,
  depositBody,
  loadOrCreateKey,
  signAuthorization,
  type Terms,
  Wallet,
  waitForChannel,
} from '../payment-channel/index.ts'
import { writePrivate } from './folder.ts'

/** What the payer locks and signs for at the first start. */
const deposit: Nanoton = nanoton(10_000_000_000n)
const walletMoney = 100_000_000_000n
const patience = { clock: systemClock, intervalMs: 50, timeoutMs: 30_000 }

/** Gives the operator's wallet coins for fees, where it has too few. */
export async function fundOperator(chainUrl: string, keyFile: string): Promise<void> {
  await fund(chainUrl, await openWallet(chainUrl, keyFile))
}

async function openWallet(chainUrl: string, keyFile: string): Promise<Wallet> {
  return new Wallet({
    client: new TonClient({ endpoint: chainUrl }),
    key: await loadOrCreateKey(keyFile),
    globalId: DEV_GLOBAL_ID,
    clock: systemClock,
    intervalMs: 50,
  })
}

async function fund(chainUrl: string, wallet: Wallet): Promise<void> {
  if ((await wallet.balance()) >= walletMoney / 2n) return
  const request = {
    id: 1,
    jsonrpc: '2.0',
    method: 'dev_faucet',
    params: { address: wallet.address.toString(), amount: walletMoney.toString() },
  }
  const response = await fetch(chainUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) })
  if (!response.ok) throw new Error(`the faucet of the dev chain answered ${response.status}`)
}

export interface OpenedAccount {
  readonly channel: string
  readonly apiKey: string
}

interface Proposal {
  readonly terms: { payer: string; payee: string; challenge_period: number; open_until: number; salt: string }
  readonly payee_key: string
  readonly address: string
}

/** The account of this folder: opened at the first start, the same ever after. */
export async function openAccount(options: { baseUrl: string; chainUrl: string; keys: string; keyFile: string }): Promise<OpenedAccount> {
  if (existsSync(options.keyFile)) {
    const apiKey = readFileSync(options.keyFile, 'utf8').trim()
    return { apiKey, channel: await channelOf(options.baseUrl, apiKey) }
  }
  const payerWallet = await openWallet(options.chainUrl, join(options.keys, 'payer-wallet'))
  await fund(options.chainUrl, payerWallet)
  const payerKey = await loadOrCreateKey(join(options.keys, 'payer'))
  const payerKeyHex = Buffer.from(payerKey.publicKey).toString('hex')

  const proposal = await post<Proposal>(`${options.baseUrl}/v1/channels`, { payer: payerWallet.address.toString(), payer_key: payerKeyHex })
  const terms: Terms = {
    payer: payerWallet.address,
    payee: Address.parse(proposal.terms.payee),
    challengePeriod: proposal.terms.challenge_period,
    openUntil: proposal.terms.open_until,
    salt: BigInt(proposal.terms.salt),
  }
  const payeeKey = Buffer.from(proposal.payee_key, 'hex')
  const channel = channelAddress(terms, payerKey.publicKey, payeeKey)
  if (!channel.equals(Address.parse(proposal.address))) throw new Error('the proxy names another address than the one its terms lead to')

  const init = channelInit({ terms, payerKey: payerKey.publicKey, payeeKey })
  await payerWallet.send([{ to: channel, value: deposit, body: depositBody(), init, bounce: false }])
  const state = await waitForChannel(
    new TonClient({ endpoint: options.chainUrl }),
    channel,
    patience,
    seen => seen.status === channelStatus.open,
  )

  const signature = signAuthorization(payerKey.privateKey, { chain: DEV_GLOBAL_ID, channel, ceiling: state.deposited })
  const { api_key: apiKey } = await post<{ api_key: string }>(`${options.baseUrl}/v1/channels/keys`, {
    terms: proposal.terms,
    payer_key: payerKeyHex,
    ceiling: state.deposited.toString(),
    signature: signature.toString('hex'),
  })
  writePrivate(options.keyFile, `${apiKey}\n`)
  return { apiKey, channel: channel.toString() }
}

async function channelOf(baseUrl: string, apiKey: string): Promise<string> {
  const response = await fetch(`${baseUrl}/v1/account`, { headers: { authorization: `Bearer ${apiKey}` } })
  if (!response.ok) throw new Error(`the proxy does not know the API key in this folder (${response.status}); start anew with --fresh`)
  return ((await response.json()) as { channel: string }).channel
}

async function post<Answer>(url: string, body: object): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${(await response.text()).slice(0, 300)}`)
  return (await response.json()) as Answer
}
