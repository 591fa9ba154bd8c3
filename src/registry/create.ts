/** `chrysalis registry create`: the address of a new registry, and the message that brings it to the chain. */

import { walletKey } from '../channel/keys.ts'
import { type NetworkName, networks } from '../channel/networks.ts'
import type { Outcome, World } from '../channel/world.ts'
import { formatTon, type Nanoton } from '../lib/nanoton.ts'
import { encodeItem, registryAddress, registryInit } from '../policy-registry/index.ts'
import { parseItem } from './items.ts'
import { addressFlag, type Message, send } from './send.ts'

export interface CreateOptions {
  readonly chain: readonly string[]
  readonly network: NetworkName
  /** Who may change it; the wallet's own address where nothing is said. */
  readonly owner?: string
  /** Seconds from an announcement to its effect, for good. */
  readonly delay: number
  /** What is listed from its birth on. */
  readonly items: readonly string[]
  /** For its rent. */
  readonly amount: Nanoton
  readonly wallet?: string
}

/** Derives a registry's address, and deploys it out of a wallet or by a link. Throws {@link RegistryCommandError}. */
export async function create(options: CreateOptions, world: World): Promise<Outcome> {
  const network = networks[options.network]
  const chain = world.openChain(options.chain, network)
  const key = await walletKey({ file: options.wallet, env: world.env })
  const owner = options.owner === undefined && key ? chain.wallet(key).address : addressFlag('--owner', options.owner)
  const entries = options.items.map(text => ({ cell: encodeItem(parseItem(text)), activeAt: 0 }))
  const birth = { owner, delay: options.delay, entries }
  const to = registryAddress(birth)
  const message: Message = { to, value: options.amount, init: registryInit(birth), bounce: false }
  const sent = await send([message], { key, chain, network })
  const address = to.toString({ testOnly: network.testOnly })
  return {
    json: { registry: address, owner: owner.toString({ testOnly: network.testOnly }), delay: options.delay, ...sent.json },
    lines: [
      `registry    ${address}`,
      `owner       ${owner.toString({ testOnly: network.testOnly })}`,
      `delay       ${options.delay} s from an announcement to its effect; it cannot be changed`,
      `items       ${entries.length} from its birth on`,
      `rent        ${formatTon(options.amount)}; send more, without words, whenever it runs low`,
      ...sent.lines,
    ],
  }
}
