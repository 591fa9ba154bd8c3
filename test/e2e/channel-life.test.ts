/**
 * The life of a channel through `chrysalis channel` and an OpenAI client alone, against a proxy and a paid worker as processes of their own, on a
 * chain that runs the contract: what each side has at each step, to the nanoTON, fees apart.
 */
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Address, type Transaction } from '@ton/core'
import { TonClient } from '@ton/ton'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { fundOperator } from '../../src/dev/funding.ts'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type ChannelState, loadKey, readChannel, Wallet } from '../../src/payment-channel/index.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const run = promisify(execFile)
const ton = 1_000_000_000n
/** A request of 12 tokens in and 6 out costs 0.0132 TON, of which the worker gets 0.0126. */
const price = { prompt: '100000000000', cached: '100000000000', completion: '2000000000000', reasoning: '2000000000000' }
const offer = { ...price, completion: '1900000000000', reasoning: '1900000000000' }
const cost = 12n * 100_000n + 6n * 2_000_000n
const earned = 12n * 100_000n + 6n * 1_900_000n

let engine: ScriptedEngine
let deployment: Deployment
let address: Address
let wallet: Wallet
let apiKey = ''

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({
    engines: [engine.url],
    paid: { cash_threshold: '1000000000000' },
    worker: { offer: { default: offer } },
    // Claims are written at once, and nothing is settled but by this test's own commands.
    proxy: {
      pricing: { default: price },
      payments: {
        settle_threshold: '10000000',
        challenge_period_seconds: 86_400,
        poll_seconds: 3_600,
        workers: { payer_key: 'keys/worker-payer' },
      },
    },
  })
  await fundOperator(deployment.chainUrl, at('cli-wallet'))
  wallet = new Wallet({
    client: client(),
    key: await loadKey(at('cli-wallet')),
    globalId: DEV_GLOBAL_ID,
    clock: systemClock,
    intervalMs: 50,
  })
})
afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

const at = (name: string) => join(deployment.folder, name)
/** Where the deployment's collateral comes from. */
const pccs = () => (parse(readFileSync(at('proxy.yaml'), 'utf8')) as { attestation: { pccs: string } }).attestation.pccs
const client = () => new TonClient({ endpoint: deployment.chainUrl })

/** Runs `chrysalis …` as its user would, and reads its JSON. */
async function chrysalis<Answer>(...words: string[]): Promise<Answer> {
  const cli = join(import.meta.dirname, '../../bin/chrysalis.js')
  const { stdout } = await run(process.execPath, [cli, ...words], { cwd: deployment.folder, timeout: 60_000 })
  return JSON.parse(stdout) as Answer
}
const channel = <Answer>(...words: string[]) =>
  chrysalis<Answer>('channel', ...words, '--json', ...(words[0] === 'settle' ? [] : ['--file', at('channel.json')]))

/** What a deposit credited: all that was on the address before its own transaction cost something, and was paid out of it, but for the reserve. */
async function credited(): Promise<bigint> {
  const [newest] = await client().getTransactions(address, { limit: 1 })
  const { fees, sent } = totalsOf([newest!])
  const { description } = newest!
  // Rent is taken before the contract sees its balance.
  const rent = description.type === 'generic' ? (description.storagePhase?.storageFeesCollected ?? 0n) : 0n
  return BigInt((await client().getContractState(address)).balance) + fees - rent + sent + (await onChain()).settled - 10_000_000n
}
const onChain = async (): Promise<ChannelState> => (await readChannel(client(), address))!
const paid = ['--wallet', 'cli-wallet', '--timeout', '30']

/** One request by OpenAI's own client, with what it cost. */
async function spend(): Promise<bigint> {
  const openai = new OpenAI({ baseURL: `${deployment.origin}/v1`, apiKey })
  const answer = await openai.chat.completions.create({
    model: 'scripted',
    max_tokens: 6,
    messages: [{ role: 'user', content: 'hello' }],
  })
  return BigInt((answer.usage as unknown as { cost: string }).cost)
}

async function account(): Promise<Record<string, string>> {
  const response = await fetch(`${deployment.origin}/v1/account`, { headers: { authorization: `Bearer ${apiKey}` } })
  return (await response.json()) as Record<string, string>
}

/** What went in and out of an account, and what the chain kept, over its whole history. */
async function books(of: Address): Promise<Totals> {
  return totalsOf(await client().getTransactions(of, { limit: 100 }))
}

interface Totals {
  received: bigint
  sent: bigint
  fees: bigint
}

function totalsOf(transactions: readonly Transaction[]): Totals {
  const total = { received: 0n, sent: 0n, fees: 0n }
  for (const { inMessage, outMessages, totalFees } of transactions) {
    if (inMessage?.info.type === 'internal') total.received += inMessage.info.value.coins
    total.fees += totalFees.coins
    for (const { info } of outMessages.values()) {
      if (info.type !== 'internal') continue
      total.sent += info.value.coins
      // Of a forward fee the sender's transaction collects a part; the rest travels with the message.
      total.fees += info.forwardFee
    }
  }
  return total
}

describe('the life of a channel, by commands alone', () => {
  test('open: terms are checked and kept, and at least two TON are on the chain', async () => {
    const opened = await channel<{ channel: string }>(
      ...['open', '--proxy', `${deployment.origin}/v1`, '--chain', deployment.chainUrl, '--network', 'dev'],
      ...['--key', 'cli-payer', '--amount', '2', ...paid],
      ...['--policy', 'policy.json', '--root', 'root.der', '--pccs', pccs()],
    )
    address = Address.parse(opened.channel)
    const { status, deposited, settled } = await onChain()
    expect([status, settled, deposited]).toEqual([1, 0n, await credited()])
    expect(deposited).toBeGreaterThanOrEqual(2n * ton)
    expect(statSync(at('cli-payer')).mode & 0o777).toBe(0o600)
  })

  test('authorise: a key that may spend 0.06 TON of a ceiling of one', async () => {
    await channel('authorize', '--key', 'cli-payer', '--ceiling', '1', '--spend', '0.06', '--save', 'cli-api-key')
    apiKey = readFileSync(at('cli-api-key'), 'utf8').trim()
    expect(await account()).toMatchObject({ authorised: `${ton}`, spent: '0', available: `${ton}`, status: 'open' })
  })

  test('spend: three requests cost what they cost; the fourth does not fit the key, and says so', async () => {
    for (let turn = 0; turn < 3; turn++) expect(await spend()).toBe(cost)
    await expect(spend()).rejects.toMatchObject({ status: 402, message: expect.stringContaining('`spend` of this API key') })
    expect(await account()).toMatchObject({ spent: `${3n * cost}`, settled: '0', reserved: '0', key: { limits: { spend: '60000000' } } })
    const shown = await channel<{ chain: object; proxy: object; warnings: string[] }>('show', '--api-key', 'cli-api-key')
    expect(shown).toMatchObject({ chain: { status: 'open', settled: '0' }, proxy: { spent: `${3n * cost}` }, warnings: [] })
  })

  test('keys: a second one without a limit is made under the same ceiling, the first one is revoked', async () => {
    const first = apiKey
    await channel('authorize', '--key', 'cli-payer', '--save', 'cli-api-key-2')
    apiKey = readFileSync(at('cli-api-key-2'), 'utf8').trim()
    const { keys } = await channel<{ keys: { key_id: string; spent: string; limits: object }[] }>('keys', '--key', 'cli-payer')
    expect(keys).toMatchObject([
      { spent: `${3n * cost}`, limits: { spend: '60000000' } },
      { spent: '0', limits: {} },
    ])
    await channel('revoke', keys[0]!.key_id, '--key', 'cli-payer')
    const revoked = await fetch(`${deployment.origin}/v1/models`, { headers: { authorization: `Bearer ${first}` } })
    expect(revoked.status).toBe(401)
    await revoked.body?.cancel()
    expect(await spend()).toBe(cost)
  })

  test('settle: anybody brings the proxy’s claim to the chain, out of a folder, without any key of either side', async () => {
    const settled = await eventually(async () => {
      const { results } = await channel<{ results: { channel: string; outcome: string; settled: string }[] }>(
        ...['settle', '--from-store', 'proxy/claims', '--chain', deployment.chainUrl, '--network', 'dev', '--wallet', 'cli-wallet'],
      ).catch(() => ({ results: [] }))
      const own = results.find(result => Address.parse(result.channel).equals(address))
      return own && BigInt(own.settled) === 4n * cost ? own : undefined
    })
    expect(['settled', 'already']).toContain(settled.outcome)
    expect((await onChain()).settled).toBe(4n * cost)
  })

  test('top up: one TON more is credited', async () => {
    const before = (await onChain()).deposited
    await channel('fund', '--amount', '1', ...paid)
    const { deposited } = await onChain()
    expect(deposited).toBe(await credited())
    expect(deposited - before).toBeGreaterThanOrEqual(ton)
  })

  test('spend again, and audit: every entry rests on a signed receipt, and the claim on the chain is one of them', async () => {
    for (let turn = 0; turn < 2; turn++) expect(await spend()).toBe(cost)
    const audit = await channel<{ entries: number; spent: string; claims: { amount: string }[] }>('audit', '--api-key', 'cli-api-key-2')
    expect(audit).toMatchObject({ entries: 6, spent: `${6n * cost}` })
    // The claim may have been written, and so settled, once before it was whole.
    expect(audit.claims[0]).toMatchObject({ amount: `${4n * cost}` })
  })

  test('the worker cashes what it earned', async () => {
    const cli = ['worker', '--config', at('worker-1.yaml')]
    const cli2 = () => chrysalis<{ earned: string; channels: { signed: string; paid: string }[] }>(...cli, 'earnings', '--json')
    const before = await eventually(async () => {
      const now = await cli2()
      return now.channels[0]?.signed === now.earned ? now : undefined
    })
    // Six of this test's, and those that the deployment was tried with.
    expect(BigInt(before.earned) % earned).toBe(0n)
    expect(BigInt(before.earned)).toBeGreaterThanOrEqual(6n * earned)
    await run(process.execPath, [join(import.meta.dirname, '../../bin/chrysalis.js'), ...cli, 'cash'])
    expect((await cli2()).channels[0]!.paid).toBe(before.earned)
  })

  test('close: the proxy gives leave in seconds, has what it earned, and everything else is back with the payer', async () => {
    await channel('close', '--key', 'cli-payer', ...paid)
    expect(await onChain()).toMatchObject({ status: 3, settled: 6n * cost })
    const { received, sent, fees } = await books(address)
    const { balance } = await client().getContractState(address)
    // Nothing is left, and nothing came or went that is not accounted for.
    expect([BigInt(balance), received - sent - fees]).toEqual([0n, 0n])
    const own = await books(wallet.address)
    expect(await wallet.balance()).toBe(own.received - own.sent - own.fees)
    await expect(spend()).rejects.toMatchObject({ status: 402 })
    expect(await account()).toMatchObject({ available: '0' })
  })

  test('close, asked for again, changes nothing', async () => {
    const before = await wallet.balance()
    expect(await channel('close', '--key', 'cli-payer', ...paid)).toMatchObject({ status: 'closed', settled: `${6n * cost}` })
    expect(await channel('recover', ...paid)).toMatchObject({ step: 'done', recovered: '0' })
    expect((await onChain()).status).toBe(3)
    expect(await wallet.balance()).toBe(before)
  })
})
