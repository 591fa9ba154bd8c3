/** The `registry` command on a development chain: one registry from its birth to another owner. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Address, Cell, loadStateInit } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChannelCommandError } from '../../src/channel/errors.ts'
import { networks } from '../../src/channel/networks.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { keyPairOf } from '../../src/payment-channel/index.ts'
import { registryCode, registryCodeHash } from '../../src/policy-registry/index.ts'
import { announce, announceOwner, remove, take } from '../../src/registry/change.ts'
import { create } from '../../src/registry/create.ts'
import type { RegistryCommandError } from '../../src/registry/errors.ts'
import { parseItem, writeItem } from '../../src/registry/items.ts'
import { show } from '../../src/registry/show.ts'
import { Payer } from '../channel/support/payer.ts'
import { testAddress } from '../support/ton.ts'

const delay = 3_600
const amount = nanoton(500_000_000n)
const image = `image=sha256:${'ab'.repeat(32)}`
const weights = `weights=sha256:${'cd'.repeat(32)}`
const register = `rtmr1=${'ef'.repeat(48)}`

let owner: Payer
let heirFile: string
let address: string

const chainFlags = () => ({ chain: [owner.chain.chain.url], network: 'dev' as const })
const flags = (wallet: string | undefined = owner.walletFile) => ({ ...chainFlags(), address, ...(wallet && { wallet }) })
const shown = () => owner.run(world => show({ ...chainFlags(), address }, world))
const listed = async () => ((await shown()).json.items as { item: string; counts: boolean }[]).map(({ item, counts }) => [item, counts])

const pass = (seconds: number) => owner.chain.clock.advance(seconds * 1000)
/** Messages out of the wallet arrive within a few blocks. */
const arrive = () => pass(10)

beforeAll(async () => {
  owner = await Payer.create()
  heirFile = join(owner.folder, 'heir.key')
  writeFileSync(heirFile, `${Buffer.alloc(32, 9).toString('hex')}\n`, { mode: 0o600 })
})
afterAll(() => owner?.close())

describe('a registry', () => {
  test('is created out of a wallet, with what it lists from its birth on', async () => {
    const { json, lines } = await owner.run(world =>
      create({ ...chainFlags(), delay, items: [image], amount, wallet: owner.walletFile }, world),
    )
    address = json.registry as string
    expect(json).toMatchObject({ delay, sent: 1 })
    expect(lines.join('\n')).toContain('cannot be changed')
    await arrive()
    expect(await listed()).toEqual([[image, true]])
  })

  test('lists what its owner announces, which counts after the delay', async () => {
    const { lines } = await owner.run(world => announce([weights, register], flags(), world))
    expect(lines[0]).toMatch(/^announces {3}weights=sha256:cd.*, which counts from about 20/)
    await arrive()
    const counts = async () => Object.fromEntries(await listed())
    expect(await counts()).toEqual({ [image]: true, [weights]: false, [register]: false })
    await pass(delay)
    expect(await counts()).toEqual({ [image]: true, [weights]: true, [register]: true })
  })

  test('is told as links and cells where no wallet is given', async () => {
    const { json, lines } = await owner.run(world => remove([weights], { ...chainFlags(), address }, world))
    const [message] = json.messages as { to: string; body: string; link: string }[]
    expect(Address.parse(message!.to).equals(Address.parse(address))).toBe(true)
    expect(Cell.fromBase64(message!.body).beginParse().loadUint(32)).toBe(0x52524d31)
    expect(message!.link).toMatch(/^ton:\/\/transfer\//)
    expect(lines.join('\n')).toContain('give a multisig the address')
    const born = await owner.run(world =>
      create({ ...chainFlags(), owner: String(testAddress('multisig')), delay, items: [], amount }, world),
    )
    const [birth] = born.json.messages as { state_init: string; link: string }[]
    expect(loadStateInit(Cell.fromBase64(birth!.state_init).beginParse()).code!.equals(registryCode)).toBe(true)
    expect(birth!.link).toContain('&init=')
  })

  test('drops at once what its owner removes, by the item or by its hash', async () => {
    const { json } = await shown()
    const { hash } = (json.items as { item: string; hash: string }[]).find(({ item }) => item === register)!
    await owner.run(world => remove([weights, hash], flags(), world))
    await arrive()
    expect(await listed()).toEqual([[image, true]])
  })

  test('changes hands by both, after the delay', async () => {
    const heirKey = keyPairOf(Buffer.alloc(32, 9))
    const heir = owner.world.openChain(chainFlags().chain, networks.dev).wallet(heirKey).address
    await owner.chain.faucet(heir, 1_000_000_000n)
    await expect(owner.run(world => take(flags(heirFile), world))).rejects.toMatchObject({ code: 'state' })
    await owner.run(world => announceOwner(String(heir), flags(), world))
    await arrive()
    await expect(owner.run(world => take(flags(heirFile), world))).rejects.toThrow(/can be taken over from/)
    await pass(delay)
    await expect(owner.run(world => take(flags(), world))).rejects.toMatchObject({ code: 'key' })
    await owner.run(world => take(flags(heirFile), world))
    await arrive()
    expect((await shown()).json).toMatchObject({ owner: heir.toString({ testOnly: true }), next_owner: null })
  })
})

describe('what cannot be done is said before anything is sent', () => {
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: RegistryCommandError | ChannelCommandError) => error.code,
    )

  test.each<[string, () => Promise<unknown>, string]>([
    ['an item that is listed already', () => owner.run(world => announce([image], flags(), world)), 'state'],
    ['an item that is not listed', () => owner.run(world => remove([weights], flags(), world)), 'state'],
    ['the wallet of another', () => owner.run(world => announce([weights], flags(), world)), 'key'],
    ['no item', () => owner.run(world => announce(['colour=red'], flags(), world)), 'item'],
    ['a digest that is cut', () => owner.run(world => announce(['image=sha256:abcd'], flags(), world)), 'item'],
    ['a proxy without a key', () => owner.run(world => announce([`proxy=${testAddress('a')}`], flags(), world)), 'item'],
    ['an address that is none', () => owner.run(world => announce([weights], { ...flags(), address: 'EQabc' }, world)), 'item'],
    ['an owner that is none', () => owner.run(world => announceOwner('nobody', flags(), world)), 'item'],
    ['neither owner nor wallet', () => owner.run(world => create({ ...chainFlags(), delay, items: [], amount }, world)), 'item'],
    [
      'an account that is no registry',
      () => owner.run(world => show({ ...chainFlags(), address: String(testAddress('empty')) }, world)),
      'chain',
    ],
  ])('%s', async (_, work, code) => {
    expect(await refusal(work())).toBe(code)
  })
})

test.each([image, weights, register, `proxy=${testAddress('payee')}:${'01'.repeat(32)}`])('%s is written as it is read', text => {
  expect(writeItem(parseItem(text))).toBe(text)
})

test('the code that is printed is the committed one', () => {
  expect(registryCode.hash().toString('hex')).toBe(registryCodeHash)
})
