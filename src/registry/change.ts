/** `chrysalis registry announce|remove|announce-owner|take`: checked against the registry as it is, then sent or told. */
import type { Address, Cell } from '@ton/core'
import { addressOf, timeOf } from '../channel/describe.ts'
import { walletKey } from '../channel/keys.ts'
import { type NetworkName, networks } from '../channel/networks.ts'
import type { Outcome, World } from '../channel/world.ts'
import { fromHex, toHex } from '../lib/bytes.ts'
import { nanoton } from '../lib/nanoton.ts'
import { announceBody, announceOwnerBody, encodeItem, type RegistryView, removeBody, takeOwnershipBody } from '../policy-registry/index.ts'
import { RegistryCommandError } from './errors.ts'
import { parseItem, writeItem } from './items.ts'
import { addressFlag, send } from './send.ts'

export interface ChangeOptions {
  readonly address: string
  readonly chain: readonly string[]
  readonly network: NetworkName
  readonly wallet?: string
}

/** What a message costs at most; the rest of it comes back. */
const messageValue = nanoton(30_000_000n)

/** Announces `items`. Throws {@link RegistryCommandError}. */
export function announce(items: readonly string[], options: ChangeOptions, world: World): Promise<Outcome> {
  return change(options, world, ({ state, seenAt }) => {
    const parsed = items.map(parseItem)
    const cells = parsed.map(encodeItem)
    const known = new Set(state.entries.map(({ cell }) => toHex(cell.hash())))
    const twice = parsed.find((_, index) => known.has(toHex(cells[index]!.hash())))
    if (twice) throw new RegistryCommandError('state', `${writeItem(twice)} is listed already: \`chrysalis registry show\` says since when`)
    return {
      only: state.owner,
      bodies: cells.map(cell => announceBody(cell)),
      says: parsed.map(item => `announces   ${writeItem(item)}, which counts from about ${timeOf(seenAt + state.delay)} on`),
    }
  })
}

/** Removes `items`, each as it was announced or as the hash that `show` tells. Throws {@link RegistryCommandError}. */
export function remove(items: readonly string[], options: ChangeOptions, world: World): Promise<Outcome> {
  return change(options, world, ({ state }) => {
    const hashes = items.map(text => (/^[0-9a-f]{64}$/.test(text) ? fromHex(text, 32) : encodeItem(parseItem(text)).hash()))
    const known = new Set(state.entries.map(({ cell }) => toHex(cell.hash())))
    const absent = items.find((_, index) => !known.has(toHex(hashes[index]!)))
    if (absent !== undefined) throw new RegistryCommandError('state', `${absent} is not listed: \`chrysalis registry show\` says what is`)
    return {
      only: state.owner,
      bodies: hashes.map(hash => removeBody(hash)),
      says: items.map(item => `removes     ${item}, at once; proxies see it at their next poll`),
    }
  })
}

/** Announces who may take the registry over. Throws {@link RegistryCommandError}. */
export function announceOwner(owner: string, options: ChangeOptions, world: World): Promise<Outcome> {
  return change(options, world, ({ state, seenAt }) => {
    const heir = addressFlag('the new owner', owner)
    return {
      only: state.owner,
      bodies: [announceOwnerBody(heir)],
      says: [`announces   ${nameOf(heir, options)} as owner, who may take it from about ${timeOf(seenAt + state.delay)} on`],
    }
  })
}

/** Takes the registry over. Throws {@link RegistryCommandError}. */
export function take(options: ChangeOptions, world: World): Promise<Outcome> {
  return change(options, world, ({ state: { next }, seenAt }) => {
    if (!next)
      throw new RegistryCommandError('state', 'no new owner is announced: its owner does that, with `chrysalis registry announce-owner`')
    if (seenAt < next.at) throw new RegistryCommandError('state', `it can be taken over from ${timeOf(next.at)} on`)
    return { only: next.owner, bodies: [takeOwnershipBody()], says: [`takes it    over to ${nameOf(next.owner, options)}`] }
  })
}

interface Change {
  /** Who must send. */
  readonly only: Address
  readonly bodies: readonly Cell[]
  readonly says: readonly string[]
}

async function change(options: ChangeOptions, world: World, plan: (view: RegistryView) => Change): Promise<Outcome> {
  const network = networks[options.network]
  const chain = world.openChain(options.chain, network)
  const to = addressFlag('--address', options.address)
  const { only, bodies, says } = plan(await chain.registry(to))
  const key = await walletKey({ file: options.wallet, env: world.env })
  const messages = bodies.map(body => ({ to, value: messageValue, body }))
  const sent = await send(messages, { key, chain, network, only })
  return { json: { registry: nameOf(to, options), ...sent.json }, lines: [...says, ...sent.lines] }
}

function nameOf(address: Address, { network }: ChangeOptions): string {
  return addressOf({ address, network: networks[network] })
}
