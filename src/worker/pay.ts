/** Opens what a worker that is paid needs: its keys, its book, its view of the chain. */
import { existsSync } from 'node:fs'
import { Address } from '@ton/core'
import { openChainEndpoints } from '../chain-endpoints.ts'
import { ConfigError } from '../config.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { parseNanoton } from '../lib/nanoton.ts'
import { createKey, type KeyPair, loadKey, longestPollMs, readChannel, Settler, Wallet } from '../payment-channel/index.ts'
import { Cashier, EarningsBook, markKeyOf, Payee } from '../payouts/index.ts'
import type { WorkerConfig } from '../worker-config.ts'

export type PaymentsConfig = NonNullable<WorkerConfig['payments']>

export interface WorkerPay {
  readonly payee: Payee
  readonly cashier: Cashier
  readonly book: EarningsBook
  close(): Promise<void>
}

/** Paths in `config` are absolute. Throws {@link ConfigError} for keys or addresses that cannot be used. */
export async function openWorkerPay(o: {
  id: string
  config: PaymentsConfig
  clock: Clock
  logger: Logger
  intervalMs?: number
}): Promise<WorkerPay> {
  const { id, config, clock, logger, intervalMs = 1_000 } = o
  const chain = config.chain.global_id
  const client = openChainEndpoints({ chain: config.chain, at: path => path, clock, logger, intervalMs })
  const payeeKey = await openPayeeKey(config)
  const walletKey = config.wallet_key === undefined ? undefined : await loadKey(config.wallet_key)
  const wallet = walletKey && new Wallet({ client, key: walletKey, globalId: chain, clock, intervalMs })
  const settler = wallet && new Settler({ client, wallet, chain, clock, intervalMs })
  const book = new EarningsBook(config.book, clock)
  const markKey = markKeyOf(payeeKey.privateKey)
  const payee = new Payee({
    book,
    offer: {
      worker: id,
      chain,
      payee: config.payout === undefined ? wallet!.address : parsePayout(config.payout),
      payeeKey: payeeKey.publicKey,
      markKey: markKey.publicKey,
      challengePeriod: config.challenge_period_seconds,
      minimumDeposit: parseNanoton(config.minimum_deposit),
      credit: parseNanoton(config.credit),
      floor: parseNanoton(config.floor),
    },
    markKey: markKey.privateKey,
    readChannel: address => readChannel(client, address),
    clock,
  })
  const cashier = new Cashier({
    payee,
    payeeKey: payeeKey.privateKey,
    settle: settler && (orders => settler.settle(orders)),
    threshold: parseNanoton(config.cash_threshold),
    // A channel that is brought between two looks has at least this period.
    pollMs: Math.min(config.poll_seconds * 1_000, longestPollMs({ challengePeriod: config.challenge_period_seconds })),
    clock,
    logger,
  })
  return {
    payee,
    cashier,
    book,
    async close() {
      await cashier.stop()
      book.close()
    },
  }
}

/** Made at the very first start; once there is a book, a missing key fails the start: nothing that is owed could be cashed without it. */
async function openPayeeKey({ payee_key: file, book }: PaymentsConfig): Promise<KeyPair> {
  if (existsSync(file)) return loadKey(file)
  if (!existsSync(book)) return createKey(file)
  throw new ConfigError(
    'invalid',
    `payments.payee_key: the key file ${file} is gone although there is a book of earnings that it cashes; restore it from your backup`,
  )
}

function parsePayout(text: string): Address {
  try {
    return Address.parse(text)
  } catch (cause) {
    throw new ConfigError('invalid', `payments.payout: not a TON address: ${messageOf(cause)}`, { cause })
  }
}
