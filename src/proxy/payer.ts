/** Opens what pays workers: a book beside the ledger, the payer's key, the operator's wallet. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, type ProxyConfig } from '../config.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { parseNanoton } from '../lib/nanoton.ts'
import { type ChainClient, createKey, type KeyPair, loadKey, readChannel, type Wallet } from '../payment-channel/index.ts'
import { OwingsBook, type PaidWorker, Payer } from '../payouts/index.ts'

/** Makes the payer of `payments.workers` once the workers are known; undefined where the config has none. Throws {@link ConfigError} where its key is gone. */
export async function openPayer(o: {
  config: ProxyConfig
  at: (path: string) => string
  clock: Clock
  logger: Logger
  wallet: Wallet
  client: ChainClient
}): Promise<((workers: readonly PaidWorker[]) => Payer) | undefined> {
  const { config, at, clock, logger, wallet, client } = o
  const { workers: pay, chain, poll_seconds: pollSeconds } = config.payments
  if (!pay) return undefined
  const file = join(at(config.data), 'owings.sqlite')
  const payerKey = await openPayerKey(at(pay.payer_key), file)
  const book = new OwingsBook(file, clock)
  return workers =>
    new Payer({
      book,
      workers,
      payerKey,
      wallet,
      readChannel: address => readChannel(client, address),
      chain: chain.global_id,
      deposit: parseNanoton(pay.deposit),
      topUpBelow: parseNanoton(pay.top_up_below),
      longestChallenge: pay.longest_challenge_seconds,
      pollMs: pollSeconds * 1_000,
      clock,
      logger,
      random: size => randomBytes(size),
    })
}

async function openPayerKey(file: string, book: string): Promise<KeyPair> {
  if (existsSync(file)) return loadKey(file)
  if (!existsSync(book)) return createKey(file)
  throw new ConfigError(
    'invalid',
    `payments.workers.payer_key: the key file ${file} is gone although workers are paid by it; restore it from your backup`,
  )
}
