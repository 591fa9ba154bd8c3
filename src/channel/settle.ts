/**
 * `chrysalis channel settle`: brings claims to the chain that a proxy has written down. It takes no key of payer or payee, because
 * both have signed by then: whoever runs it pays the fee, the payee gets the money. A payee whose meter is gone is paid this way.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Address } from '@ton/core'
import { z } from 'zod'
import { messageOf } from '../lib/coded-error.ts'
import { formatTon, parseNanoton } from '../lib/nanoton.ts'
import type { SettlementOrder, SettlementOutcome, SettlementResult } from '../payment-channel/index.ts'
import { ChannelCommandError } from './errors.ts'
import { walletKey } from './keys.ts'
import { type NetworkName, networks } from './networks.ts'
import type { Outcome, World } from './world.ts'

export interface SettleOptions {
  /** The folder of claims that a proxy keeps. */
  readonly fromStore: string
  readonly chain: readonly string[]
  readonly network: NetworkName
  readonly wallet?: string
}

const amount = z.string().regex(/^(0|[1-9][0-9]{0,18})$/)
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`))
const storedClaim = z.object({
  chain: z.int(),
  channel: z.string().max(100),
  authorization: z.object({ ceiling: amount, signature: hex(64) }),
  claim: z.object({ amount, root: hex(32), signature: hex(64) }),
})

const said: Readonly<Record<SettlementOutcome, string>> = {
  settled: 'settled',
  already: 'was settled before',
  partly: 'settled in part: the deposit does not reach, or time was up; run this again',
  unpaid: 'not settled in time; run this again',
  'not-open': 'is not open, or too late in its close: there is nothing to get',
  refused: 'REFUSED: its signatures do not hold on this chain',
}

/** Settles every claim in a folder. Throws {@link ChannelCommandError}. */
export async function settle(options: SettleOptions, world: World): Promise<Outcome> {
  const network = networks[options.network]
  const key = await walletKey({ file: options.wallet, env: world.env })
  if (!key) throw new ChannelCommandError('key', 'a settlement costs a fee: --wallet FILE names who pays it; any wallet will do')
  const orders = await readClaimFolder(options.fromStore, network.globalId)
  const chain = world.openChain(options.chain, network)
  const results = await chain.settler(chain.wallet(key)).settle(orders)
  const name = ({ channel }: SettlementResult) => channel.toString({ testOnly: network.testOnly })
  return {
    json: {
      results: results.map(result => ({
        channel: name(result),
        outcome: result.outcome,
        settled: result.state?.settled.toString() ?? null,
      })),
    },
    lines: results.map(
      result => `${name(result)}  ${said[result.outcome]}${result.state ? `, ${formatTon(result.state.settled)} in all` : ''}`,
    ),
  }
}

async function readClaimFolder(folder: string, globalId: number): Promise<SettlementOrder[]> {
  const names = await readdir(folder).catch(cause => {
    throw new ChannelCommandError('account-file', `the folder ${folder} cannot be read: ${messageOf(cause)}`, { cause })
  })
  const files = names.filter(name => name.endsWith('.json')).sort()
  if (files.length === 0) throw new ChannelCommandError('account-file', `there is no claim in ${folder}`)
  return Promise.all(files.map(name => readClaim(join(folder, name), globalId)))
}

async function readClaim(file: string, globalId: number): Promise<SettlementOrder> {
  try {
    const { chain, channel, authorization, claim } = storedClaim.parse(JSON.parse(await readFile(file, 'utf8')))
    if (chain !== globalId) throw new RangeError(`is for the chain ${chain}, not for ${globalId}: --network names another`)
    return {
      channel: Address.parse(channel),
      authorization: { ceiling: parseNanoton(authorization.ceiling), signature: Buffer.from(authorization.signature, 'hex') },
      claim: {
        amount: parseNanoton(claim.amount),
        root: Buffer.from(claim.root, 'hex'),
        signature: Buffer.from(claim.signature, 'hex'),
      },
    }
  } catch (cause) {
    const why = cause instanceof z.ZodError ? `'${cause.issues[0]?.path.join('.')}': ${cause.issues[0]?.message}` : messageOf(cause)
    throw new ChannelCommandError('account-file', `${file}: ${why}`, { cause })
  }
}
