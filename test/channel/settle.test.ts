/** Claims that a proxy wrote down, brought to the chain by anybody. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PayersChannel, readAccountFile } from '../../src/channel/account-file.ts'
import { settle } from '../../src/channel/settle.ts'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { loadKey, signAuthorization, signClaim } from '../../src/payment-channel/index.ts'
import { Payer } from './support/payer.ts'

let payer: Payer
let channel: PayersChannel
let claim: Record<string, unknown>
const root = '12'.repeat(32)

beforeAll(async () => {
  payer = await Payer.create()
  await payer.opened()
  channel = await readAccountFile(payer.file)
  const reference = { chain: DEV_GLOBAL_ID, channel: channel.address }
  const [ceiling, amount] = [nanoton(1_000_000_000n), nanoton(300_000_000n)]
  const authorized = signAuthorization((await loadKey(payer.keyFile)).privateKey, { ...reference, ceiling })
  const claimed = signClaim(payer.desk.payeeKey.privateKey, { ...reference, amount, root: Buffer.from(root, 'hex') })
  claim = {
    chain: DEV_GLOBAL_ID,
    channel: channel.address.toString(),
    authorization: { ceiling: '1000000000', signature: authorized.toString('hex') },
    claim: { amount: '300000000', root, signature: claimed.toString('hex') },
  }
})
afterAll(() => payer?.close())

function store(name: string, files: Record<string, unknown>): string {
  const folder = join(payer.folder, name)
  mkdirSync(folder)
  for (const [file, value] of Object.entries(files))
    writeFileSync(join(folder, file), typeof value === 'string' ? value : JSON.stringify(value))
  return folder
}
const flags = (fromStore: string) => ({ fromStore, chain: [payer.chain.chain.url], network: 'dev' as const, wallet: payer.walletFile })

test('a claim pays the payee, whoever brings it; a second time nothing is sent', async () => {
  const folder = store('claims', { 'a.json': claim, 'note.txt': 'not a claim' })
  const { json } = await payer.run(world => settle(flags(folder), world))
  expect(json).toMatchObject({ results: [{ outcome: 'settled', settled: '300000000' }] })
  expect(await payer.chain.client.getBalance(payer.desk.payee)).toBeGreaterThanOrEqual(300_000_000n)
  const again = await payer.run(world => settle(flags(folder), world))
  expect(again.json).toMatchObject({ results: [{ outcome: 'already' }] })
  expect(again.lines[0]).toContain('was settled before, 0.3 TON in all')
})

test('a claim whose signatures do not hold is refused here, without a fee', async () => {
  const forged = { ...claim, claim: { ...(claim.claim as object), amount: '400000000' } }
  const before = await payer.chain.client.getBalance(payer.chain.wallet.address)
  const { json, lines } = await payer.run(world => settle(flags(store('forged', { 'a.json': forged })), world))
  expect(json).toMatchObject({ results: [{ outcome: 'refused' }] })
  expect(lines[0]).toContain('REFUSED')
  expect(await payer.chain.client.getBalance(payer.chain.wallet.address)).toBe(before)
})

test.each<[string, Record<string, unknown>, RegExp]>([
  ['an empty folder', {}, /there is no claim in/],
  ['a file cut off', { 'a.json': '{"chain":' }, /a\.json: /],
  ['a claim of another chain', { 'a.json': { chain: -239 } }, /a\.json: /],
  [
    'an amount in another form',
    { 'a.json': { chain: DEV_GLOBAL_ID, channel: 'x', authorization: { ceiling: '1.5', signature: '' } } },
    /'authorization\.ceiling'/,
  ],
])('%s is told of, and nothing is sent', async (name, files, why) => {
  const said = await payer.failure(world => settle(flags(store(name, files)), world))
  expect(said).toMatchObject({ code: 'account-file', message: expect.stringMatching(why) })
})

test('a claim of another chain names the chain', async () => {
  const said = await payer.failure(world => settle(flags(store('elsewhere', { 'a.json': { ...claim, chain: -239 } })), world))
  expect(said.message).toContain('is for the chain -239')
})

test('a folder that is not there, and a wallet that is not named, are told of', async () => {
  expect(await payer.failure(world => settle(flags('/nowhere'), world))).toMatchObject({ code: 'account-file' })
  expect(await payer.failure(world => settle({ fromStore: '/nowhere', chain: ['http://x'], network: 'dev' }, world))).toMatchObject({
    code: 'key',
  })
})
