/** `chrysalis channel show`: what the chain says, what the proxy says, and where the two cannot both be true. */
import { formatTon } from '../lib/nanoton.ts'
import { type ChannelAccount, channelStatus } from '../payment-channel/index.ts'
import { readAccountFile } from './account-file.ts'
import { apiKeyFrom } from './api-key.ts'
import { addressOf, chainLines, chainView, timeOf } from './describe.ts'
import { type Account, DeskClient } from './desk.ts'
import { type Outcome, secondsNow, type World } from './world.ts'

export interface ShowOptions {
  readonly file: string
  /** File with an API key of the channel; with one the proxy is asked too. */
  readonly apiKey?: string
}

/** Shows the channel of an account file. Throws {@link ChannelCommandError}. */
export async function show(options: ShowOptions, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const chain = await world.openChain(channel.endpoints, channel.network).read(channel.address)
  const apiKey = await apiKeyFrom(options.apiKey, world.env)
  const account = apiKey === undefined ? undefined : await new DeskClient(channel.proxy, world.fetch).account(apiKey)
  const warnings = [...advice(chain, channel.terms.openUntil, secondsNow(world)), ...(account ? contradictions(account, chain) : [])]
  return {
    json: { channel: addressOf(channel), chain: chainView(chain), proxy: account ?? null, warnings },
    lines: [
      `channel     ${addressOf(channel)}`,
      ...chainLines(chain),
      ...(account
        ? [
            '',
            `authorised  ${formatTon(BigInt(account.authorised))}`,
            `spent       ${formatTon(BigInt(account.spent))} (by the proxy's ledger)`,
            `reserved    ${formatTon(BigInt(account.reserved))}`,
            `available   ${formatTon(BigInt(account.available))}`,
          ]
        : ['', 'What was spent is known to the proxy: give an API key of this channel with --api-key FILE.']),
      ...warnings.map(warning => `note        ${warning}`),
    ],
  }
}

/** What a payer should do about the state the channel is in. */
function advice({ state, balance }: ChannelAccount, openUntil: number, now: number): string[] {
  if (!state || state.status === channelStatus.new) {
    if (now > openUntil)
      return balance > 0n
        ? ['the time to open it is over: `chrysalis channel recover` brings the coins back']
        : ['the time to open it is over']
    return [`it opens with its first deposit, until ${timeOf(openUntil)}: \`chrysalis channel fund\``]
  }
  if (state.status === channelStatus.closing)
    return [
      now >= state.closesAt
        ? 'the close can be finished: `chrysalis channel recover`'
        : `the close can be finished from ${timeOf(state.closesAt)} on`,
    ]
  return state.status === channelStatus.closed && balance > 0n
    ? ['coins arrived after the close: `chrysalis channel recover` brings them back']
    : []
}

/** What the proxy says and the chain refutes. */
function contradictions({ spent, deposited, settled }: Account, { state }: ChannelAccount): string[] {
  const found: string[] = []
  if (state && BigInt(deposited) > state.deposited) found.push('the proxy counts more deposited than the chain shows')
  if (state && BigInt(settled) > state.settled) found.push('the proxy counts more settled than the chain shows')
  if (state && state.settled > BigInt(spent))
    found.push('more was settled on the chain than the proxy says was spent: `chrysalis channel audit`')
  return found
}
