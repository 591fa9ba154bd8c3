/** `chrysalis channel close`: with the proxy's signed leave, in seconds. Where the proxy is gone, `recover` does without it. */
import { Address } from '@ton/core'
import { formatTon, nanoton, parseNanoton } from '../lib/nanoton.ts'
import { channelStatus, closeReleasedBody, poll, type Release, verifyRelease } from '../payment-channel/index.ts'
import { type PayersChannel, readAccountFile } from './account-file.ts'
import { command, keyOf } from './authorize.ts'
import { addressOf } from './describe.ts'
import { DeskClient } from './desk.ts'
import { ChannelCommandError } from './errors.ts'
import { walletKey } from './keys.ts'
import { askFor, sendFrom } from './pay.ts'
import { waitFor } from './wait.ts'
import type { Outcome, World } from './world.ts'

export interface CloseOptions {
  readonly file: string
  readonly key?: string
  readonly wallet?: string
  readonly wait: boolean
  readonly timeoutMs: number
}

/** What goes with a closing message for its gas; the rest returns with everything else. */
export const closeValue = nanoton(30_000_000n)

/**
 * Asks the proxy to let the channel go: it grants nothing from then on, lets running work end, settles, and signs a release. That
 * closes the channel, whoever sends it; everything unspent goes to the payer. Throws {@link ChannelCommandError}.
 */
export async function close(options: CloseOptions, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const chain = world.openChain(channel.endpoints, channel.network)
  const { state } = await chain.read(channel.address)
  if (state?.status === channelStatus.closed) return closed(channel, state.settled, 'it was closed before')
  if (!state || state.status === channelStatus.new)
    throw new ChannelCommandError(
      'state',
      `${addressOf(channel)} is not open; coins that are there come back with \`chrysalis channel recover\``,
    )

  const payer = await keyOf(channel, options.key, world)
  const wallet = await walletKey({ file: options.wallet, env: world.env })
  const { release, signature } = await askForRelease(channel, payer, options.timeoutMs, chain, world)
  world.note(`the proxy lets the channel go once ${formatTon(release.minSettled)} are settled`)
  const settled = `the proxy signed the release, but has not settled the ${formatTon(release.minSettled)} it wants first. Run \`chrysalis channel close\` again, or \`chrysalis channel recover\`.`
  await waitFor(
    chain,
    channel.address,
    { timeoutMs: options.timeoutMs, otherwise: settled },
    account => (account.state?.settled ?? 0n) >= release.minSettled,
  )

  const body = closeReleasedBody(release, signature)
  const asked = askFor({ to: channel.address, value: closeValue, body }, channel)
  if (wallet) await sendFrom(wallet, chain, { to: channel.address, value: closeValue, body })
  else if (options.wait) for (const line of asked.lines) world.note(line)
  if (!options.wait)
    return { json: { channel: addressOf(channel), ...(wallet ? {} : { link: asked.link }) }, lines: wallet ? [] : asked.lines }
  const otherwise = 'the close was not seen on the chain in time. Run `chrysalis channel close` again: a release is good for ever.'
  const seen = await waitFor(
    chain,
    channel.address,
    { timeoutMs: options.timeoutMs, otherwise },
    account => account.state === undefined || account.state.status === channelStatus.closed,
  )
  return closed(channel, seen.state?.settled ?? release.minSettled, 'closed')
}

/** Asks until nothing runs any more. The signature is verified over our own encoding before anything is built on it. */
async function askForRelease(
  channel: PayersChannel,
  payer: Awaited<ReturnType<typeof keyOf>>,
  timeoutMs: number,
  { clock, intervalMs }: Pick<ReturnType<World['openChain']>, 'clock' | 'intervalMs'>,
  world: World,
): Promise<{ release: Release; signature: Buffer }> {
  const desk = new DeskClient(channel.proxy, world.fetch)
  let running = 0
  const answer = await poll({ clock, intervalMs, timeoutMs }, async () => {
    const said = await desk.close(command(channel, payer, 'close', '', world))
    if (!('running' in said)) return said
    running = said.running
    return undefined
  })
  if (!answer)
    throw new ChannelCommandError(
      'state',
      `${running} requests still run; the channel takes no new ones. Run \`chrysalis channel close\` again.`,
    )
  const release = { chain: channel.network.globalId, channel: channel.address, minSettled: parseNanoton(answer.min_settled) }
  const signature = Buffer.from(answer.signature, 'hex')
  try {
    verifyRelease(channel.payeeKey, release, signature)
  } catch (cause) {
    throw new ChannelCommandError(
      'proxy',
      'what the proxy signed does not release this channel; `chrysalis channel recover` does without it',
      { cause },
    )
  }
  return { release, signature }
}

function closed(channel: PayersChannel, settled: bigint, how: string): Outcome {
  const { testOnly } = channel.network
  const payer = Address.parse(channel.wire.payer).toString({ bounceable: false, testOnly })
  return {
    json: { channel: addressOf(channel), status: 'closed', settled: settled.toString() },
    lines: [`channel     ${addressOf(channel)}: ${how}`, `settled     ${formatTon(settled)}`, `the rest    went to ${payer}`],
  }
}
