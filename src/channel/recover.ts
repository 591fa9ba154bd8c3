/**
 * `chrysalis channel recover`: everything unspent back without the proxy. It starts a close, waits for the challenge period, and
 * finishes it; it goes on from wherever the channel is, so it can be run again after anything.
 */
import { formatTon, type Nanoton, nanoton } from '../lib/nanoton.ts'
import { type ChannelAccount, channelInit, channelStatus, finishCloseBody, pause, startCloseBody } from '../payment-channel/index.ts'
import { type PayersChannel, readAccountFile } from './account-file.ts'
import type { Chain } from './chain.ts'
import { type CloseOptions, closeValue } from './close.ts'
import { addressOf, timeOf } from './describe.ts'
import { ChannelCommandError } from './errors.ts'
import { walletKey } from './keys.ts'
import { askFor, sendFrom } from './pay.ts'
import { waitFor } from './wait.ts'
import { type Outcome, secondsNow, type World } from './world.ts'

/** What comes next for a channel that is to be closed without the proxy. */
type Step = 'start' | 'wait' | 'finish' | 'finish-unopened' | 'too-early' | 'done'

/** The next step for what the chain shows, at `now` (Unix seconds). */
export function nextStep({ state, balance }: ChannelAccount, openUntil: number, now: number): Step {
  if (!state || state.status === channelStatus.new) {
    if (balance === 0n) return 'done'
    return now > openUntil ? 'finish-unopened' : 'too-early'
  }
  if (state.status === channelStatus.open) return 'start'
  if (state.status === channelStatus.closing) return now >= state.closesAt ? 'finish' : 'wait'
  return balance > 0n ? 'finish' : 'done'
}

/** Brings a channel one step on, or with `wait` to its end. Throws {@link ChannelCommandError}. */
export async function recover(options: Omit<CloseOptions, 'key'>, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const chain = world.openChain(channel.endpoints, channel.network)
  const wallet = await walletKey({ file: options.wallet, env: world.env })
  let recovered: Nanoton = nanoton(0n)
  for (;;) {
    const account = await chain.read(channel.address)
    // The chain's clock decides, and an endpoint may be behind.
    const step = nextStep(account, channel.terms.openUntil, Math.min(secondsNow(world), account.seenAt))
    if (step === 'too-early')
      throw new ChannelCommandError(
        'state',
        `${formatTon(account.balance)} are at ${addressOf(channel)}, which was never opened; until ${timeOf(channel.terms.openUntil)} they can only open it: run this again then, or \`chrysalis channel fund\` now`,
      )
    if (step === 'done') return ended(channel, recovered)
    if (step === 'wait') {
      const closesAt = account.state!.closesAt
      if (!options.wait)
        return outcome(channel, step, [`the close can be finished from ${timeOf(closesAt)} on: run this again then`], {
          closes_at: closesAt,
        })
      world.note(`waiting until ${timeOf(closesAt)}`)
      await until(closesAt, chain, channel)
      continue
    }
    recovered = step === 'start' ? recovered : account.balance
    const sent = await take(step, channel, account, { chain, wallet, world, options })
    if (sent) return sent
  }
}

/** Sends one step's message and waits for its effect; gives an outcome where the command ends with it. */
async function take(
  step: 'start' | 'finish' | 'finish-unopened',
  channel: PayersChannel,
  before: ChannelAccount,
  {
    chain,
    wallet,
    world,
    options,
  }: { chain: Chain; wallet: Awaited<ReturnType<typeof walletKey>>; world: World; options: Omit<CloseOptions, 'key'> },
): Promise<Outcome | undefined> {
  const { testOnly } = channel.network
  const body = step === 'start' ? startCloseBody() : finishCloseBody()
  const init = before.state === undefined ? channelInit(channel) : undefined
  const to = channel.address
  const payer = channel.terms.payer.toString({ bounceable: false, testOnly })
  if (init && !wallet)
    throw new ChannelCommandError(
      'key',
      'an address that was never opened must be opened to give its coins back, which takes a wallet: --wallet FILE; any will do',
    )
  const asked = askFor({ to, value: closeValue, body }, channel, step === 'start' ? payer : undefined)
  if (wallet) await sendFrom(wallet, chain, { to, value: closeValue, body, ...(init && { init }) }, step === 'start' ? channel : undefined)
  else if (options.wait) for (const line of asked.lines) world.note(line)
  if (!options.wait && !wallet) return outcome(channel, step, asked.lines, { link: asked.link })

  const otherwise = 'the chain does not show it yet. Run `chrysalis channel recover` again: it goes on from where the channel is.'
  const seen = await waitFor(chain, to, { timeoutMs: options.timeoutMs, otherwise }, hasMoved(before))
  if (step !== 'start') return undefined
  world.note(`the close began; the proxy may settle what it is owed until ${timeOf(seen.state?.closesAt ?? 0)}`)
  return undefined
}

/** Whether a step's message had its effect. */
function hasMoved(before: ChannelAccount): (account: ChannelAccount) => boolean {
  return ({ state, balance }) => state?.status !== before.state?.status || balance === 0n
}

/** Sleeps until about `closesAt` (Unix seconds), then looks until the chain's clock is there too. */
async function until(closesAt: number, chain: Chain, channel: PayersChannel): Promise<void> {
  await pause(chain.clock, Math.max(0, closesAt * 1000 - chain.clock.now()))
  const otherwise = 'the chain’s clock has not come to that time yet; run this again'
  const isOver = ({ seenAt, state }: ChannelAccount) => seenAt >= closesAt || state?.status !== channelStatus.closing
  await waitFor(chain, channel.address, { timeoutMs: 600_000, otherwise }, isOver)
}

function ended(channel: PayersChannel, recovered: Nanoton): Outcome {
  const payer = channel.terms.payer.toString({ bounceable: false, testOnly: channel.network.testOnly })
  const lines = recovered > 0n ? [`${formatTon(recovered)} went back to ${payer}, less a fee`] : ['there is nothing to get back']
  return outcome(channel, 'done', lines, { recovered: recovered.toString() })
}

function outcome(channel: PayersChannel, step: Step, lines: readonly string[], more: Record<string, unknown>): Outcome {
  return { json: { channel: addressOf(channel), step, ...more }, lines: [`channel     ${addressOf(channel)}`, ...lines] }
}
