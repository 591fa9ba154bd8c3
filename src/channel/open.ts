/** `chrysalis channel open`: terms from the proxy, checked and kept, then the first deposit. */
import { existsSync } from 'node:fs'
import { Address } from '@ton/core'
import { formatTon, type Nanoton, parseNanoton } from '../lib/nanoton.ts'
import { writeAccountFile } from './account-file.ts'
import { addressOf, timeOf } from './describe.ts'
import { DeskClient } from './desk.ts'
import { ChannelCommandError } from './errors.ts'
import { payIn } from './fund.ts'
import { payerKey, walletKey } from './keys.ts'
import { type NetworkName, networks } from './networks.ts'
import { checkProposal } from './proposal.ts'
import { type OperatorTrust, proveOperator, requireRegistered } from './prove.ts'
import { type Outcome, secondsNow, type World } from './world.ts'

export interface OpenOptions {
  readonly file: string
  readonly proxy: string
  readonly chain: readonly string[]
  readonly network: NetworkName
  /** Address of the wallet that is the payer; with `wallet` it is that one. */
  readonly payer?: string
  readonly key?: string
  readonly wallet?: string
  /** The first deposit; the proxy's minimum where nothing is said. */
  readonly amount?: Nanoton
  readonly trust: OperatorTrust
  readonly wait: boolean
  readonly timeoutMs: number
}

/** Opens a channel and writes its account file. Nothing is sent before the terms are checked and kept. Throws {@link ChannelCommandError}. */
export async function open(options: OpenOptions, world: World): Promise<Outcome> {
  const network = networks[options.network]
  if (existsSync(options.file))
    throw new ChannelCommandError(
      'account-file',
      `${options.file} tells of a channel already: \`chrysalis channel fund\` goes on with it, --file names another for a new one`,
    )
  const chain = world.openChain(options.chain, network)
  const wallet = await walletKey({ file: options.wallet, env: world.env })
  const payer = payerAddress(options.payer, wallet && chain.wallet(wallet).address)
  const { publicKey } = await payerKey({ file: options.key, env: world.env }, { make: true })

  const desk = new DeskClient(options.proxy, world.fetch)
  const proposal = await desk.propose(payer.toString(), publicKey.toString('hex'))
  checkProposal(proposal, { network, payer, payerKey: publicKey, now: secondsNow(world) })
  const minimum = parseNanoton(proposal.minimum_deposit)
  const amount = options.amount ?? minimum
  if (amount < minimum)
    throw new ChannelCommandError('proposal', `the proxy opens channels from ${formatTon(minimum)} on, --amount is ${formatTon(amount)}`)
  const proposed = {
    proxy: options.proxy,
    chain: proposal.chain,
    payee: Address.parse(proposal.terms.payee).toRawString(),
    payeeKey: proposal.payee_key,
  }
  await requireRegistered(options.trust, proposed, chain)
  const proof = await proveOperator(options.trust, proposed, world)

  const channel = await writeAccountFile(options.file, {
    version: 1,
    network: options.network,
    chain: [...options.chain],
    proxy: options.proxy,
    terms: proposal.terms,
    payer_key: publicKey.toString('hex'),
    payee_key: proposal.payee_key,
    address: proposal.address,
  })
  for (const line of [
    `channel     ${addressOf(channel)}, kept in ${options.file}`,
    `payee key   ${proof}`,
    `unspent     returns to ${channel.terms.payer.toString({ testOnly: network.testOnly, bounceable: false })}`,
    `open it by  ${timeOf(channel.terms.openUntil)}; a close takes ${channel.terms.challengePeriod} s where the proxy does not agree to it`,
  ])
    world.note(line)
  return payIn(channel, { amount, from: wallet, wait: options.wait, timeoutMs: options.timeoutMs }, chain, world)
}

function payerAddress(text: string | undefined, wallet: Address | undefined): Address {
  const advice =
    'name the wallet that gets everything unspent back, and that alone may close without the proxy: --payer ADDRESS, or --wallet FILE with its key. ' +
    'It must be a wallet of your own: an exchange address can neither close nor take a refund'
  if (text === undefined) {
    if (wallet) return wallet
    throw new ChannelCommandError('key', advice)
  }
  let payer: Address
  try {
    payer = Address.parse(text)
  } catch (cause) {
    throw new ChannelCommandError('key', `--payer is not a TON address; ${advice}`, { cause })
  }
  if (payer.workChain !== 0) throw new ChannelCommandError('key', '--payer must be a wallet in the basechain')
  if (wallet && !wallet.equals(payer))
    throw new ChannelCommandError('key', 'the wallet whose key was given is not the one that --payer names')
  return payer
}
