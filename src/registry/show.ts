/** `chrysalis registry show`: what counts, what is announced, and who may change it. */
import { addressOf, timeOf } from '../channel/describe.ts'
import { type NetworkName, networks } from '../channel/networks.ts'
import type { Outcome, World } from '../channel/world.ts'
import { toHex } from '../lib/bytes.ts'
import { decodeItem, type Entry } from '../policy-registry/index.ts'
import { writeItem } from './items.ts'
import { addressFlag } from './send.ts'

export interface ShowOptions {
  readonly address: string
  readonly chain: readonly string[]
  readonly network: NetworkName
}

/** Shows a registry. Throws {@link RegistryCommandError}, and `ChannelCommandError` `chain`. */
export async function show(options: ShowOptions, world: World): Promise<Outcome> {
  const network = networks[options.network]
  const address = addressFlag('--address', options.address)
  const { state, seenAt } = await world.openChain(options.chain, network).registry(address)
  const { owner, delay, next } = state
  const name = (of: typeof owner) => addressOf({ address: of, network })
  const items = state.entries.map(entry => ({ ...told(entry), counts: entry.activeAt <= seenAt }))
  return {
    json: {
      registry: name(address),
      owner: name(owner),
      delay,
      next_owner: next ? { address: name(next.owner), from: next.at } : null,
      seen_at: seenAt,
      items,
    },
    lines: [
      `registry    ${name(address)}`,
      `owner       ${name(owner)}`,
      ...(next ? [`next owner  ${name(next.owner)}, who may take it over from ${timeOf(next.at)} on`] : []),
      `delay       ${delay} s`,
      '',
      ...(items.length === 0 ? ['It lists nothing: a policy that relies on it accepts nothing.'] : []),
      ...items.map(({ item, counts, active_at }) => `${counts ? 'counts      ' : `from ${timeOf(active_at)}  `}${item}`),
    ],
  }
}

function told({ cell, activeAt }: Entry) {
  const item = decodeItem(cell)
  const hash = toHex(cell.hash())
  return { item: item ? writeItem(item) : `of a kind that this version does not know, ${hash}`, hash, active_at: activeAt }
}
