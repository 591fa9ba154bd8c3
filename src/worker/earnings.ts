/** `chrysalis worker earnings` and `chrysalis worker cash`: what a worker did, what it earned, and what of that is on the chain. */
import { existsSync } from 'node:fs'
import { ConfigError, loadConfig, pathIn } from '../config.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/logger.ts'
import { formatTon } from '../lib/nanoton.ts'
import type { EarningChannel, EarningJob } from '../payouts/index.ts'
import { EarningsBook } from '../payouts/index.ts'
import { workerSchema } from '../worker-config.ts'
import { openWorkerPay, type PaymentsConfig } from './pay.ts'

/** How a job stands: on the chain, signed for by the proxy, owed, or gone with a line that broke. */
export type JobState = 'paid' | 'signed' | 'owed' | 'lost'

/** Prints the last `last` jobs and the channels, as a table or, with `json`, as one object. Reads the book alone: no chain is asked. */
export function showEarnings(file: string, { last, json }: { last: number; json: boolean }): void {
  const { payments } = paymentsOf(file)
  if (!existsSync(payments.book))
    throw new ConfigError('invalid', `there is no book of earnings at ${payments.book} yet: start the worker first`)
  console.log(json ? JSON.stringify(earningsIn(payments.book, last), undefined, 2) : asText(readReport(payments.book, last)))
}

/** What `chrysalis worker earnings --json` prints, out of the book at `file`. */
export function earningsIn(file: string, last: number): unknown {
  return asJson(readReport(file, last))
}

function readReport(file: string, last: number): Report {
  const book = new EarningsBook(file, systemClock)
  try {
    return { ...book.totals(), channels: book.channels(), jobs: book.jobs(last) }
  } finally {
    book.close()
  }
}

/** Brings everything that is signed for to the chain, out of the worker's own wallet. */
export async function cashEarnings(file: string): Promise<void> {
  const { id, payments } = paymentsOf(file)
  if (payments.wallet_key === undefined)
    throw new ConfigError('invalid', 'payments.wallet_key: cashing needs a wallet that pays the fee: name its key file')
  const pay = await openWorkerPay({ id, config: payments, clock: systemClock, logger: silentLogger })
  try {
    const results = await pay.cashier.cashAll()
    if (results.length === 0) console.log('There is nothing to cash: nothing is signed for that the chain does not show paid.')
    for (const { channel, outcome, state } of results) console.log(`${channel}  ${outcome}  ${formatTon(state?.settled ?? 0n)} paid in all`)
  } finally {
    await pay.close()
  }
}

function paymentsOf(file: string): { id: string; payments: PaymentsConfig } {
  const { id, payments } = loadConfig(file, workerSchema)
  if (!payments) throw new ConfigError('invalid', `${file} has no "payments": this worker works for nothing, so that it has no earnings`)
  return { id, payments: withPaths(payments, file) }
}

/** `payments` with its paths made absolute. */
export function withPaths(payments: PaymentsConfig, file: string): PaymentsConfig {
  const at = (path: string) => pathIn(file, path)
  const { chain, wallet_key: walletKey } = payments
  return {
    ...payments,
    ...{ payee_key: at(payments.payee_key), book: at(payments.book) },
    ...(walletKey === undefined ? {} : { wallet_key: at(walletKey) }),
    chain: { ...chain, endpoints: chain.endpoints.map(each => withKeyPath(each, at)) },
  }
}

type ConfiguredEndpoint = PaymentsConfig['chain']['endpoints'][number]

function withKeyPath(endpoint: ConfiguredEndpoint, at: (path: string) => string): ConfiguredEndpoint {
  if (typeof endpoint === 'string' || endpoint.api_key_file === undefined) return endpoint
  return { ...endpoint, api_key_file: at(endpoint.api_key_file) }
}

interface Report {
  readonly jobs: readonly EarningJob[]
  readonly channels: readonly EarningChannel[]
  readonly count: number
  readonly earned: bigint
}

/** How `job` stands on its channel. */
export function stateOf({ signed, total, amount, finish }: EarningJob, settled: bigint): JobState {
  if (signed === undefined) return 'owed'
  if (signed < amount && finish !== 'lost') return 'owed'
  if (signed === 0n && amount > 0n) return 'lost'
  return total !== undefined && total <= settled ? 'paid' : 'signed'
}

function asJson({ jobs, channels, count, earned }: Report): unknown {
  const settled = new Map(channels.map(channel => [channel.address, channel.settled]))
  return {
    jobs_in_all: count,
    earned: earned.toString(),
    channels: channels.map(({ address, deposited, ceiling, settled }) => ({
      channel: address,
      deposited: deposited.toString(),
      signed: ceiling.toString(),
      paid: settled.toString(),
    })),
    jobs: jobs.map(job => ({
      rid: job.rid,
      at: new Date(job.at).toISOString(),
      model: job.model,
      usage: JSON.parse(job.usage) as unknown,
      amount: job.amount.toString(),
      finish: job.finish,
      state: stateOf(job, settled.get(job.channel) ?? 0n),
    })),
  }
}

function asText({ jobs, channels, count, earned }: Report): string {
  const settled = new Map(channels.map(channel => [channel.address, channel.settled]))
  const lines = [`${count} jobs, ${formatTon(earned)} earned in all.`, '']
  for (const { address, deposited, ceiling, settled: paid } of channels)
    lines.push(`channel ${address}`, `  deposited ${formatTon(deposited)}, signed for ${formatTon(ceiling)}, paid ${formatTon(paid)}`, '')
  const rows = jobs.map(job => [
    new Date(job.at).toISOString().slice(0, 19).replace('T', ' '),
    job.rid,
    job.model,
    tokensOf(job.usage),
    job.amount.toString(),
    stateOf(job, settled.get(job.channel) ?? 0n),
  ])
  return [...lines, ...table([['when (UTC)', 'job', 'model', 'tokens in + out', 'nanoTON', 'state'], ...rows])].join('\n')
}

function tokensOf(usage: string): string {
  const { prompt = 0, cached = 0, completion = 0, reasoning = 0 } = JSON.parse(usage) as Record<string, number>
  return `${prompt + cached} + ${completion + reasoning}`
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
