/** `chrysalis channel fund`: the first deposit, which opens the channel, and every one after it. */
import { formatTon, type Nanoton, nanoton } from '../lib/nanoton.ts'
import { type ChannelAccount, channelInit, channelReserve, channelStatus, depositBody, type KeyPair } from '../payment-channel/index.ts'
import { type PayersChannel, readAccountFile } from './account-file.ts'
import type { Chain } from './chain.ts'
import { addressOf, chainLines, chainView } from './describe.ts'
import { DeskClient } from './desk.ts'
import { ChannelCommandError } from './errors.ts'
import { walletKey } from './keys.ts'
import { askFor, sendFrom } from './pay.ts'
import { waitFor } from './wait.ts'
import { type Outcome, secondsNow, type World } from './world.ts'

export interface FundOptions {
  readonly file: string
  readonly amount: Nanoton
  readonly wallet?: string
  /** Whether to wait until the chain shows it. */
  readonly wait: boolean
  readonly timeoutMs: number
}

/** What a deposit's message costs on its way, many times over; the rest of it is credited. */
const depositFee = 10_000_000n

/** Pays into the channel of an account file. Throws {@link ChannelCommandError}. */
export async function fund(options: FundOptions, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const chain = world.openChain(channel.endpoints, channel.network)
  const key = await walletKey({ file: options.wallet, env: world.env })
  return payIn(channel, { ...options, from: key }, chain, world)
}

/**
 * Pays `amount` in: out of the wallet `from`, or by a link that a person opens. A new channel is opened by the wallet itself, or,
 * where somebody else pays, by the proxy as soon as the coins are there.
 */
export async function payIn(
  channel: PayersChannel,
  { amount, from, wait, timeoutMs }: Pick<FundOptions, 'amount' | 'wait' | 'timeoutMs'> & { readonly from: KeyPair | undefined },
  chain: Chain,
  world: World,
): Promise<Outcome> {
  const before = await chain.read(channel.address)
  const isNew = before.state === undefined || before.state.status === channelStatus.new
  if (!isNew && before.state?.status !== channelStatus.open)
    throw new ChannelCommandError('state', `${addressOf(channel)} is closing or closed and takes nothing more: open another channel`)
  if (isNew && secondsNow(world) > channel.terms.openUntil)
    throw new ChannelCommandError(
      'state',
      `the time to open ${addressOf(channel)} is over. ${before.balance > 0n ? 'Get its coins back with `chrysalis channel recover`.' : 'Open another channel.'}`,
    )

  const to = channel.address
  const asked = askFor({ to, value: amount }, channel)
  if (from) {
    const init = isNew ? channelInit(channel) : undefined
    // The reserve is kept back once, at the opening.
    const value = nanoton(amount + (isNew ? channelReserve : 0n) + depositFee)
    await sendFrom(from, chain, { to, value, body: depositBody(), bounce: !isNew, ...(init && { init }) })
    world.note(`${formatTon(value)} are on their way to ${addressOf(channel)}`)
  } else if (wait) for (const line of asked.lines) world.note(line)
  if (!wait) return { json: { channel: addressOf(channel), ...(from ? {} : { link: asked.link }) }, lines: from ? [] : asked.lines }

  const seen = await waitFor(
    chain,
    to,
    {
      timeoutMs,
      otherwise: `no deposit was seen at ${addressOf(channel)} in time. Run \`chrysalis channel fund\` again; nothing is lost.`,
    },
    isNew ? openedBy(channel, from === undefined ? new DeskClient(channel.proxy, world.fetch) : undefined, world) : risenAbove(before),
  )
  return { json: { channel: addressOf(channel), ...chainView(seen) }, lines: [`channel     ${addressOf(channel)}`, ...chainLines(seen)] }
}

/** Satisfied once the channel is open. As soon as there are coins, `desk` is asked to open it. */
function openedBy(channel: PayersChannel, desk: DeskClient | undefined, world: World): (account: ChannelAccount) => Promise<boolean> {
  let told = false
  return async ({ state, balance }) => {
    if (state && state.status !== channelStatus.new) return true
    if (!desk || balance === 0n) return false
    const { status, minimum_deposit } = await desk.deploy(channel.wire, Buffer.from(channel.payerKey).toString('hex'))
    if (!told) {
      const what = status === 'waiting' ? `the proxy opens from ${formatTon(BigInt(minimum_deposit))} on` : 'the proxy opens the channel'
      world.note(`${formatTon(balance)} are there; ${what}`)
      told = true
    }
    return false
  }
}

function risenAbove(before: ChannelAccount): (account: ChannelAccount) => boolean {
  return ({ state }) => state !== undefined && state.deposited > (before.state?.deposited ?? 0n)
}
