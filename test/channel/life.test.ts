/** A payer's channel from its terms to its end, over a real contract on a development chain. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { Address, Cell } from '@ton/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readAccountFile } from '../../src/channel/account-file.ts'
import { authorize, keys, revoke } from '../../src/channel/authorize.ts'
import { close } from '../../src/channel/close.ts'
import { fund } from '../../src/channel/fund.ts'
import { open } from '../../src/channel/open.ts'
import { recover } from '../../src/channel/recover.ts'
import { show } from '../../src/channel/show.ts'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { channelInit, depositBody, keyPairOf, Wallet } from '../../src/payment-channel/index.ts'
import { Payer, ton } from './support/payer.ts'

let payer: Payer
beforeEach(async () => {
  payer = await Payer.create()
})
afterEach(() => payer.close())

const patience = { wait: true, timeoutMs: 600_000 }
const paying = () => ({ file: payer.file, wallet: payer.walletFile, ...patience })
const balance = () => payer.chain.client.getBalance(payer.chain.wallet.address)

describe('open', () => {
  test('keeps the terms before it pays, and ends with an open channel', async () => {
    const { json, lines } = await payer.opened()
    expect(json).toMatchObject({
      status: 'open',
      deposited: ton(2).toString().slice(0, 1) === '2' ? expect.stringMatching(/^2\d{9}$/) : '',
    })
    expect(statSync(payer.file).mode & 0o777).toBe(0o600)
    expect(statSync(payer.keyFile).mode & 0o777).toBe(0o600)
    expect(readFileSync(payer.file, 'utf8')).not.toContain(readFileSync(payer.keyFile, 'utf8').trim())
    expect(lines.join('\n')).toContain('on chain    open')
    expect(payer.notes.join('\n')).toContain('held by the operator')
    expect(payer.notes.join('\n')).toContain(payer.chain.wallet.address.toString({ bounceable: false, testOnly: true }))
  })

  test('asks a person to pay where there is no wallet, and the proxy to open what was paid', async () => {
    const proxyWallet = new Wallet({
      client: payer.chain.client,
      key: keyPairOf(Buffer.alloc(32, 5)),
      globalId: DEV_GLOBAL_ID,
      clock: payer.clock,
    })
    await payer.chain.faucet(proxyWallet.address, 1_000_000_000n)
    let opening = false
    payer.desk.onDeploy = async (terms, payerKey) => {
      const channel = await readAccountFile(payer.file)
      expect([terms, payerKey]).toEqual([channel.wire, Buffer.from(channel.payerKey)])
      if (!opening)
        void proxyWallet.send([{ to: channel.address, value: ton(0.01), init: channelInit(channel), body: depositBody(), bounce: false }])
      opening = true
      return { status: 'deploying', balance: '3000000000' }
    }
    const flags = payer.openFlags({ payer: payer.chain.wallet.address.toString() })
    delete (flags as { wallet?: string }).wallet
    const work = payer.run(world => open(flags, world))
    // A person with an app: reads the link, and pays.
    while (!payer.notes.some(line => line.startsWith('ton://'))) await new Promise(resolve => setImmediate(resolve))
    const link = new URL(payer.notes.find(line => line.startsWith('ton://'))!)
    expect(link.searchParams.get('amount')).toBe('2000000000')
    await payer.chain.faucet(Address.parse(link.pathname.replace(/^\/+(transfer\/)?/, '')), 3_000_000_000n)
    const { json } = await work
    expect(json).toMatchObject({ status: 'open', deposited: expect.stringMatching(/^(2999|3000)\d{6}$/) })
    expect(opening).toBe(true)
  })

  test('refuses to begin over a file that tells of a channel, and asks nobody', async () => {
    payer.saveAccount('precious')
    expect(await payer.failure(world => open(payer.openFlags(), world))).toMatchObject({ code: 'account-file' })
    expect(readFileSync(payer.file, 'utf8')).toBe('precious')
    expect(payer.desk.asked).toEqual([])
  })

  test('sends nothing where nobody proves who holds the payee key', async () => {
    const before = await balance()
    const refusal = await payer.failure(world => open(payer.openFlags({ trust: { trustOperator: false } }), world))
    expect(refusal).toMatchObject({ code: 'evidence', message: expect.stringContaining('--trust-operator') })
    expect([await balance(), existsSync(payer.file)]).toEqual([before, false])
  })

  test.each<[string, Partial<Parameters<typeof open>[0]>, string]>([
    ['no payer', { wallet: undefined as never, payer: undefined as never }, 'key'],
    ['a payer that is no address', { payer: 'EQnothing' }, 'key'],
    ['a payer that is not the wallet', { payer: `0:${'11'.repeat(32)}` }, 'key'],
    ['a payer in the masterchain', { wallet: undefined as never, payer: `-1:${'11'.repeat(32)}` }, 'key'],
    ['less than the proxy takes', { amount: ton(0.1) }, 'proposal'],
    ['a wallet file that is not there', { wallet: '/nowhere/wallet.key' }, 'key'],
    ['a chain that is not there', { chain: ['http://127.0.0.1:9/'] }, 'chain'],
  ])('refuses %s', async (_, flags, code) => {
    expect(await payer.failure(world => open(payer.openFlags(flags), world))).toMatchObject({ code })
  })
})

describe('fund', () => {
  test('tops an open channel up', async () => {
    await payer.opened()
    const { json } = await payer.run(world => fund({ ...paying(), amount: ton(1) }, world))
    expect(json).toMatchObject({ status: 'open', deposited: expect.stringMatching(/^3\d{9}$/) })
  })

  test('prints a link and waits for nothing, when told so', async () => {
    await payer.opened()
    const { json, lines } = await payer.run(world => fund({ file: payer.file, amount: ton(1.5), wait: false, timeoutMs: 1 }, world))
    expect(json.link).toMatch(/^ton:\/\/transfer\/0Q[A-Za-z0-9_-]{46}\?amount=1500000000$/)
    expect(lines.join('\n')).toContain('Send 1.5 TON from any wallet')
  })

  test('says that nothing came, and can be run again', async () => {
    await payer.opened()
    const late = await payer.failure(world => fund({ file: payer.file, amount: ton(1), wait: true, timeoutMs: 5_000 }, world))
    expect(late).toMatchObject({ code: 'state', message: expect.stringContaining('nothing is lost') })
  })

  test('refuses a channel that takes nothing more', async () => {
    await payer.opened()
    await payer.run(world => recover({ ...paying(), wait: false }, world))
    expect(await payer.failure(world => fund({ ...paying(), amount: ton(1) }, world))).toMatchObject({ code: 'state' })
  })
})

describe('authorize', () => {
  const flags = () => ({ file: payer.file, key: payer.keyFile, limits: {} })

  test('signs for the whole deposit first, and makes another key without signing for more', async () => {
    await payer.opened()
    const first = await payer.run(world => authorize({ ...flags(), limits: { spend: '5' } }, world))
    expect(first.json).toMatchObject({
      api_key: 'sk-chrysalis-of-the-first-kind',
      key_id: 'key_1',
      ceiling: expect.stringMatching(/^2\d{9}$/),
    })
    const second = await payer.run(world => authorize(flags(), world))
    expect(second.json).toMatchObject({ api_key: 'sk-chrysalis-of-another-kind', key_id: 'key_2', ceiling: first.json.ceiling })
  })

  test('says what of a ceiling is not covered, and what the proxy refused', async () => {
    await payer.opened()
    await payer.run(world => authorize({ ...flags(), ceiling: ton(5) }, world))
    expect(payer.notes.at(-1)).toMatch(/^only 2(\.0\d*)? TON of it are deposited/)
    const refusal = await payer.failure(world => authorize({ ...flags(), ceiling: ton(4) }, world))
    expect(refusal).toEqual({
      code: 'proxy',
      message: 'http://proxy.example/v1/channels/keys: refused with 400: the ceiling must be above 5000000000 nanoTON',
    })
  })

  test('puts the key into a new file of mode 0600, and shows it nowhere', async () => {
    await payer.opened()
    const save = `${payer.folder}/api.key`
    const { json, lines } = await payer.run(world => authorize({ ...flags(), save }, world))
    expect(readFileSync(save, 'utf8')).toBe('sk-chrysalis-of-the-first-kind\n')
    expect(statSync(save).mode & 0o777).toBe(0o600)
    expect(JSON.stringify([json, lines])).not.toContain('sk-chrysalis')
    expect(await payer.failure(world => authorize({ ...flags(), save }, world))).toMatchObject({ code: 'key' })
  })

  test('leaves no empty file behind where the proxy refused', async () => {
    await payer.opened()
    payer.desk.edit['/v1/channels/keys'] = () => new Response('busy', { status: 503 })
    const save = `${payer.folder}/api.key`
    expect(await payer.failure(world => authorize({ ...flags(), save }, world))).toMatchObject({ code: 'proxy' })
    expect(existsSync(save)).toBe(false)
  })

  test('refuses another channel’s payer key, and a channel that is not open', async () => {
    await payer.opened()
    expect(await payer.failure(world => authorize({ ...flags(), key: payer.walletFile }, world))).toMatchObject({ code: 'key' })
    await payer.run(world => recover({ ...paying(), wait: false }, world))
    expect(await payer.failure(world => authorize(flags(), world))).toMatchObject({ code: 'state' })
  })

  test('lists keys and ends one', async () => {
    await payer.opened()
    await payer.run(world => authorize(flags(), world))
    const listed = await payer.run(world => keys(flags(), world))
    expect(listed.json.keys).toHaveLength(1)
    expect(listed.lines.join('\n')).toContain('at most 0.000000005 TON in all')
    const ended = await payer.run(world => revoke({ ...flags(), keyId: 'key_1' }, world))
    expect(ended.json).toMatchObject({ key_id: 'key_1', revoked_at: 1_790_000_007 })
  })
})

describe('show', () => {
  test('tells what the chain shows, and what to do next', async () => {
    await payer.opened()
    const { json, lines } = await payer.run(world => show({ file: payer.file }, world))
    expect(json).toMatchObject({ chain: { status: 'open', settled: '0', closes_at: null }, proxy: null, warnings: [] })
    expect(lines.join('\n')).toContain('--api-key')
  })

  test('asks every endpoint, and says which of them disagree', async () => {
    await payer.opened()
    const account = payer.account()
    payer.saveAccount({ ...account, chain: [payer.chain.chain.url, payer.chain.chain.endpoint('other')] })
    expect((await payer.run(world => show({ file: payer.file }, world))).json).toMatchObject({ chain: { status: 'open' } })
    const rules = [{ fault: 'lie', address: account.address, state: 'uninitialized', code: '', data: '' }]
    await payer.chain.result('dev_setFaults', { endpoint: 'other', rules })
    const disagreement = await payer.failure(world => show({ file: payer.file }, world))
    expect(disagreement).toMatchObject({
      code: 'chain',
      message: expect.stringMatching(/do not agree: .* show different contents of .*: one of them lies/),
    })
  })
})

describe('close', () => {
  const flags = () => ({ ...paying(), key: payer.keyFile })

  test('waits for what still runs, then closes with the release; the rest returns', async () => {
    await payer.opened()
    await payer.run(world => authorize({ file: payer.file, key: payer.keyFile, limits: {} }, world))
    payer.desk.running = 2
    const before = await balance()
    const { json } = await payer.run(world => close(flags(), world))
    expect(json).toMatchObject({ status: 'closed', settled: '0' })
    expect(payer.desk.asked.filter(({ body }) => body.action === 'close')).toHaveLength(3)
    expect(Number((await balance()) - before)).toBeGreaterThan(1.98e9)
    expect((await payer.run(world => close(flags(), world))).lines.join('\n')).toContain('it was closed before')
  })

  test('without a wallet it gives a link that carries the release', async () => {
    await payer.opened()
    await payer.run(world => authorize({ file: payer.file, key: payer.keyFile, limits: {} }, world))
    const { json } = await payer.run(world => close({ file: payer.file, key: payer.keyFile, wait: false, timeoutMs: 60_000 }, world))
    const link = new URL(String(json.link))
    const body = Cell.fromBoc(Buffer.from(link.searchParams.get('bin')!, 'base64url'))[0]!
    const to = Address.parse(link.pathname.replace(/^\/+(transfer\/)?/, ''))
    await payer.chain.send(2, { to, value: ton(0.03), body, bounce: true })
    expect((await payer.run(world => show({ file: payer.file }, world))).json).toMatchObject({ chain: { status: 'closed', balance: '0' } })
  })

  test('takes no release that the payee did not sign for this channel', async () => {
    await payer.opened()
    await payer.run(world => authorize({ file: payer.file, key: payer.keyFile, limits: {} }, world))
    payer.desk.edit['/v1/channels/command'] = answer => ({ ...answer, min_settled: '1' })
    expect(await payer.failure(world => close(flags(), world))).toMatchObject({
      code: 'proxy',
      message: expect.stringContaining('recover'),
    })
  })

  test('does not send a release that the chain would still refuse', async () => {
    await payer.opened()
    await payer.run(world => authorize({ file: payer.file, key: payer.keyFile, limits: {} }, world))
    payer.desk.minSettled = 5n
    const stuck = await payer.failure(world => close({ ...flags(), timeoutMs: 5_000 }, world))
    expect(stuck).toMatchObject({ code: 'state', message: expect.stringContaining('has not settled') })
  })
})

describe('recover', () => {
  test('brings everything back without the proxy: start, the challenge period, finish', async () => {
    await payer.opened()
    payer.desk.edit = {}
    const asked = payer.desk.asked.length
    const before = await balance()
    const work = payer.run(world => recover(paying(), world))
    while (!payer.notes.some(note => note.startsWith('waiting until'))) await new Promise(resolve => setImmediate(resolve))
    await payer.chain.clock.advance(86_400_000)
    const { json, lines } = await work
    expect(json).toMatchObject({ step: 'done', recovered: expect.stringMatching(/^[12]\d{9}$/) })
    expect(lines.join('\n')).toContain('went back to')
    expect(Number((await balance()) - before)).toBeGreaterThan(1.97e9)
    expect(payer.desk.asked.length).toBe(asked)
    expect((await payer.run(world => recover(paying(), world))).lines.join('\n')).toContain('nothing to get back')
  })

  test('one step at a time, when it is not to wait', async () => {
    await payer.opened()
    const started = await payer.run(world => recover({ ...paying(), wait: false }, world))
    expect(started.json).toMatchObject({ step: 'wait', closes_at: expect.any(Number) })
    expect((await payer.run(world => recover({ ...paying(), wait: false }, world))).json).toMatchObject({ step: 'wait' })
    await payer.chain.clock.advance(86_400_000)
    expect((await payer.run(world => recover({ ...paying(), wait: false }, world))).json).toMatchObject({ step: 'done' })
  })

  test('gets back what was sent to an address that nobody opened, once its time is over', async () => {
    await payer.opened()
    const account = payer.account() as { terms: { salt: string } }
    // The same terms with another salt: an address that was proposed and paid, and never opened.
    const { channelAddress } = await import('../../src/payment-channel/index.ts')
    const { termsOf } = await import('../../src/channel/account-file.ts')
    const terms = { ...(account.terms as Parameters<typeof termsOf>[0]), salt: '43' }
    const kept = payer.account() as { payer_key: string; payee_key: string }
    const address = channelAddress(termsOf(terms), Buffer.from(kept.payer_key, 'hex'), Buffer.from(kept.payee_key, 'hex'))
    payer.saveAccount({ ...payer.account(), terms, address: address.toString() })
    await payer.chain.faucet(address, 1_000_000_000n)
    expect(await payer.failure(world => recover(paying(), world))).toMatchObject({
      code: 'state',
      message: expect.stringContaining('never opened'),
    })
    await payer.chain.clock.advance(86_460_000)
    const before = await balance()
    expect((await payer.run(world => recover(paying(), world))).json).toMatchObject({ step: 'done' })
    expect(Number((await balance()) - before)).toBeGreaterThan(0.97e9)
  })

  test('refuses to start a close from another wallet than the payer’s', async () => {
    await payer.opened()
    const other = `${payer.folder}/other.key`
    writeFileSync(other, `${Buffer.alloc(32, 8).toString('hex')}\n`, { mode: 0o600 })
    expect(await payer.failure(world => recover({ ...paying(), wallet: other }, world))).toMatchObject({ code: 'key' })
  })
})
