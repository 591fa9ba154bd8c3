/** Messages to a registry: out of the owner's wallet in one go, or as links and cells for a wallet app or a multisig. */
import { Address, beginCell, storeStateInit } from '@ton/core'
import type { Chain } from '../channel/chain.ts'
import { qrCode, transferLink } from '../channel/links.ts'
import type { Network } from '../channel/networks.ts'
import { messageOf } from '../lib/coded-error.ts'
import { formatTon } from '../lib/nanoton.ts'
import type { KeyPair, Transfer } from '../payment-channel/index.ts'
import { RegistryCommandError } from './errors.ts'

export type Message = Transfer

export interface Sender {
  /** The wallet's key; undefined to get links. */
  readonly key: KeyPair | undefined
  readonly chain: Chain
  readonly network: Network
  /** Who must send, where it matters. */
  readonly only?: Address
}

/** Sends `messages`, or says how to. Throws {@link RegistryCommandError} `key` where the wallet is not the one that must send. */
export async function send(
  messages: readonly Message[],
  { key, chain, network, only }: Sender,
): Promise<{ readonly json: Record<string, unknown>; readonly lines: readonly string[] }> {
  if (!key) return asked(messages, network, only)
  const wallet = chain.wallet(key)
  if (only && !wallet.address.equals(only))
    throw new RegistryCommandError(
      'key',
      `only ${only.toString({ testOnly: network.testOnly })} may do this; the key that was given is of ${wallet.address.toString({ testOnly: network.testOnly })}`,
    )
  await wallet.send(messages)
  return { json: { sent: messages.length }, lines: [`sent        ${messages.length} out of ${wallet.address}`] }
}

/** Reads an address flag. Throws {@link RegistryCommandError} `item`. */
export function addressFlag(flag: string, text: string | undefined): Address {
  if (text === undefined) throw new RegistryCommandError('item', `${flag}: name an address, or give a wallet with --wallet FILE`)
  try {
    return Address.parse(text)
  } catch (cause) {
    throw new RegistryCommandError('item', `${flag}: ${text} is no TON address (${messageOf(cause)})`, { cause })
  }
}

function asked(messages: readonly Message[], network: Network, only: Address | undefined) {
  const told = messages.map(({ to, value, body, init }) => {
    const stateInit = init && beginCell().store(storeStateInit(init)).endCell().toBoc()
    const link = transferLink({ to, value, ...(body && { body }) }, network)
    return {
      to: to.toString({ testOnly: network.testOnly }),
      value: value.toString(),
      ...(body && { body: body.toBoc().toString('base64') }),
      ...(stateInit && { state_init: stateInit.toString('base64') }),
      link: stateInit ? `${link}&init=${stateInit.toString('base64url')}` : link,
    }
  })
  const from = only ? `from ${only.toString({ testOnly: network.testOnly })}` : 'from any wallet'
  return {
    json: { messages: told },
    lines: told.flatMap(({ link, to, value, body, state_init }) => [
      '',
      `Confirm this message ${from}, or give a multisig the address ${to}, ${formatTon(BigInt(value))} and these cells:`,
      ...(body ? [`  body       ${body}`] : []),
      ...(state_init ? [`  state init ${state_init}`] : []),
      '',
      link,
      '',
      qrCode(link),
    ]),
  }
}
