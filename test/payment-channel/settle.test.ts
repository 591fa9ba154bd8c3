/** The wallet, the watch and the settler, against the real TVM. */
import { inspect } from 'node:util'
import { beginCell, comment } from '@ton/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { sha256, utf8 } from '../../src/lib/bytes.ts'
import { type Nanoton, nanoton } from '../../src/lib/nanoton.ts'
import { sendBoc } from '../../src/payment-channel/chain.ts'
import {
  type ChannelIdentity,
  channelAddress,
  channelInit,
  closeByPayeeBody,
  depositBody,
  keyPairOf,
  readAccount,
  readChannel,
  type SettlementOrder,
  Settler,
  settleValue,
  signAuthorization,
  signClaim,
  startCloseBody,
  Wallet,
  waitForChannel,
} from '../../src/payment-channel/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { SandboxClient } from '../support/sandbox-client.ts'
import { testAddress } from '../support/ton.ts'
import { testChain } from '../support/ton-config.ts'

const start = 1_800_000_000
const ton = (amount: number) => nanoton(BigInt(Math.round(amount * 1e9)))
const key = (name: string) => keyPairOf(sha256(utf8(name)))
const payerKey = key('payer')
const payeeKey = key('payee')
const root = Buffer.alloc(32, 4)

let clock: ManualClock
let client: SandboxClient
let wallet: Wallet
let payer: Wallet
let settler: Settler

beforeEach(async () => {
  clock = new ManualClock(start * 1000)
  client = await SandboxClient.create(clock)
  wallet = new Wallet({ client, key: key('operator'), globalId: testChain, clock })
  payer = new Wallet({ client, key: key('payer wallet'), globalId: testChain, clock })
  await client.faucet(wallet.address, ton(1))
  await client.faucet(payer.address, ton(100))
  settler = new Settler({ client, wallet, chain: testChain, clock })
})

/** Runs something that waits for the chain, with time passing. */
const run = <T>(work: Promise<T>) => clock.until(work)

let salt = 0n
async function openChannel(deposit = ton(3)): Promise<ChannelIdentity & { address: ReturnType<typeof channelAddress> }> {
  const identity: ChannelIdentity = {
    terms: { payer: payer.address, payee: wallet.address, challengePeriod: 3600, openUntil: start + 86_400, salt: salt++ },
    payerKey: payerKey.publicKey,
    payeeKey: payeeKey.publicKey,
  }
  const address = channelAddress(identity.terms, identity.payerKey, identity.payeeKey)
  await run(payer.send([{ to: address, value: nanoton(deposit + ton(0.01)), init: channelInit(identity), body: depositBody() }]))
  await run(waitForChannel(client, address, { clock, intervalMs: 500, timeoutMs: 10_000 }, ({ status }) => status === 1))
  return { ...identity, address }
}

function order(channel: ReturnType<typeof channelAddress>, amount: Nanoton, ceiling = amount): SettlementOrder {
  const reference = { chain: testChain, channel }
  return {
    channel,
    authorization: { ceiling, signature: signAuthorization(payerKey.privateKey, { ...reference, ceiling }) },
    claim: { amount, root, signature: signClaim(payeeKey.privateKey, { ...reference, amount, root }) },
  }
}

describe('the wallet', () => {
  it('deploys itself with its first message, and sends several transfers in one', async () => {
    const receivers = ['one', 'two', 'three'].map(name => testAddress(name))
    await run(wallet.send(receivers.map((to, index) => ({ to, value: ton(0.1 * (index + 1)), body: comment('hello'), bounce: false }))))
    await run(wallet.send([{ to: receivers[0]!, value: ton(0.1), bounce: false }]))
    expect(client.sent.length).toBe(2)
    const balances = await Promise.all(receivers.map(async to => (await client.chain.getContract(to)).balance))
    expect(balances.map(balance => Math.round(Number(balance) / 1e6))).toEqual([200, 200, 300])
  })

  it('has another address on every chain', () => {
    const elsewhere = new Wallet({ client, key: key('operator'), globalId: -239, clock })
    expect(elsewhere.address.equals(wallet.address)).toBe(false)
  })

  it('hands in again what the endpoint took and lost', async () => {
    client.lose = 2
    await run(wallet.send([{ to: testAddress('one'), value: ton(0.1), bounce: false }]))
    expect(client.sent.length).toBe(3)
    expect(client.sent[0]!.equals(client.sent[2]!)).toBe(true)
  })

  it('goes on over passing failures of the endpoint', async () => {
    await wallet.balance()
    const sent = wallet.send([{ to: testAddress('one'), value: ton(0.1), bounce: false }])
    await new Promise(setImmediate)
    client.fail = 5
    await run(sent)
    expect((await client.chain.getContract(testAddress('one'))).balance).toBeGreaterThan(0n)
  })

  it('says so when a message expired, and then sends the next', async () => {
    client.lose = Number.POSITIVE_INFINITY
    await expect(run(wallet.send([{ to: testAddress('one'), value: ton(0.1), bounce: false }]))).rejects.toMatchObject({ code: 'not-sent' })
    client.lose = 0
    await run(wallet.send([{ to: testAddress('two'), value: ton(0.1), bounce: false }]))
    expect((await client.chain.getContract(testAddress('one'))).balance).toBe(0n)
  })

  it('finds out what became of a message before it sends another', async () => {
    // The message is taken, but the endpoint shows an old state until the caller has given up.
    client.stale = new Map()
    const first = run(wallet.send([{ to: testAddress('one'), value: ton(0.1), bounce: false }]))
    await expect(first).rejects.toMatchObject({ code: 'timed-out' })
    client.stale = undefined
    await run(wallet.send([{ to: testAddress('two'), value: ton(0.2), bounce: false }]))
    const [one, two] = await Promise.all(['one', 'two'].map(async name => (await client.chain.getContract(testAddress(name))).balance))
    expect(one).toBeLessThanOrEqual(ton(0.1))
    expect(one).toBeGreaterThan(ton(0.099))
    expect(two).toBeGreaterThan(ton(0.199))
  })

  it('sends one after the other what is asked for at once', async () => {
    const sends = ['one', 'two', 'three'].map(name => wallet.send([{ to: testAddress(name), value: ton(0.1), bounce: false }]))
    await run(Promise.all(sends))
    for (const name of ['one', 'two', 'three']) expect((await client.chain.getContract(testAddress(name))).balance).toBeGreaterThan(0n)
  })

  it('sends nothing that it cannot cover', async () => {
    await expect(run(wallet.send([{ to: testAddress('one'), value: ton(1) }]))).rejects.toMatchObject({ code: 'wallet-empty' })
    expect(client.sent).toEqual([])
    await expect(wallet.balance()).resolves.toBe(ton(1))
  })

  it('takes no empty list, and none that is too long', () => {
    expect(() => wallet.send([])).toThrow(RangeError)
    expect(() => wallet.send(Array.from({ length: 256 }, () => ({ to: testAddress('one'), value: ton(0) })))).toThrow(RangeError)
  })
})

describe('the watch', () => {
  it('reads a channel from account data', async () => {
    const { address } = await openChannel(ton(2))
    expect(await readChannel(client, address)).toMatchObject({ status: 1, deposited: ton(2), settled: 0n })
    expect(await readAccount(client, address)).toMatchObject({ seenAt: Math.floor(clock.now() / 1000) })
  })

  it('sees coins on an address that is not open yet', async () => {
    const address = channelAddress({ payer: payer.address, payee: wallet.address, challengePeriod: 1, openUntil: 2, salt: 3n }, root, root)
    await client.faucet(address, ton(0.5))
    expect(await readAccount(client, address)).toMatchObject({ balance: ton(0.5), state: undefined })
  })

  it('does not take another contract for a channel', async () => {
    await run(payer.send([{ to: testAddress('one'), value: ton(0.1), bounce: false }]))
    await expect(readChannel(client, payer.address)).rejects.toMatchObject({ code: 'not-a-channel' })
  })

  it('gives up when the channel does not become what it should', async () => {
    const { address } = await openChannel()
    const waiting = waitForChannel(client, address, { clock, intervalMs: 500, timeoutMs: 3_000 }, ({ status }) => status === 3)
    await expect(run(waiting)).rejects.toMatchObject({ code: 'timed-out' })
  })

  it('passes on what the endpoint says, and nothing of the request', async () => {
    client.fail = 1
    const words = expect.stringContaining('timeout')
    await expect(readChannel(client, payer.address)).rejects.toMatchObject({ code: 'chain-failed', message: words })
    const failure = await sendBoc(client, beginCell().storeUint(0, 8).endCell().toBoc()).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'chain-failed', message: expect.stringContaining('cannot apply external message') })
    expect(inspect(failure, { depth: 9 })).not.toContain('a secret')
  })
})

describe('the settler', () => {
  it('settles several channels in one message, and waits until the chain shows it', async () => {
    const channels = [await openChannel(ton(3)), await openChannel(ton(2)), await openChannel(ton(1))]
    client.sent.length = 0
    const orders = channels.map(({ address }, index) => order(address, ton(0.5 * (index + 1)), ton(2)))
    const results = await run(settler.settle(orders))
    expect(client.sent.length).toBe(1)
    expect(results.map(({ outcome, state }) => [outcome, state?.settled])).toEqual([
      ['settled', ton(0.5)],
      ['settled', ton(1)],
      // No more than the deposit.
      ['settled', ton(1)],
    ])
    expect(results.map(({ channel }) => channel)).toEqual(channels.map(({ address }) => address))
  })

  it('may be repeated: nothing is paid or sent twice', async () => {
    const { address } = await openChannel()
    const orders = [order(address, ton(1))]
    await run(settler.settle(orders))
    const balance = await wallet.balance()
    const sent = client.sent.length
    expect(await run(settler.settle(orders))).toMatchObject([{ outcome: 'already', state: { settled: ton(1) } }])
    expect(await run(settler.settle([order(address, ton(0.4))]))).toMatchObject([{ outcome: 'already' }])
    expect(client.sent.length).toBe(sent)
    expect(await wallet.balance()).toBe(balance)
  })

  it('settles while the payer closes, but not after', async () => {
    const { address } = await openChannel()
    await run(payer.send([{ to: address, value: ton(0.05), body: startCloseBody() }]))
    expect(await run(settler.settle([order(address, ton(1))]))).toMatchObject([
      { outcome: 'settled', state: { status: 2, settled: ton(1) } },
    ])
    await clock.advance(3_600_000)
    const sent = client.sent.length
    expect(await run(settler.settle([order(address, ton(2))]))).toMatchObject([{ outcome: 'not-open' }])
    expect(client.sent.length).toBe(sent)
  })

  it('sends nothing for a channel that is closed, or was never opened', async () => {
    const { address } = await openChannel()
    await run(wallet.send([{ to: address, value: ton(0.05), body: closeByPayeeBody() }]))
    const sent = client.sent.length
    const results = await run(settler.settle([order(address, ton(1)), order(testAddress('nowhere'), ton(1))]))
    expect(results).toMatchObject([
      { outcome: 'not-open', state: { status: 3 } },
      { outcome: 'not-open', state: undefined },
    ])
    expect(client.sent.length).toBe(sent)
  })

  it('sends nothing that the chain would refuse, and settles the others', async () => {
    const channels = [await openChannel(), await openChannel(), await openChannel()]
    const good = channels.map(({ address }) => order(address, ton(1)))
    const forged = { ...good[0]!, authorization: { ...good[0]!.authorization, ceiling: ton(5) } }
    const above = order(channels[1]!.address, ton(2), ton(1))
    const results = await run(settler.settle([forged, above, good[2]!]))
    expect(results.map(({ outcome }) => outcome)).toEqual(['refused', 'refused', 'settled'])
  })

  it('says when the chain did not show it in time, and settles at the next try', async () => {
    const { address } = await openChannel()
    const wrong = new Settler({ client, wallet: { send: async () => {} }, chain: testChain, clock })
    expect(await run(wrong.settle([order(address, ton(1))]))).toMatchObject([{ outcome: 'unpaid', state: { settled: 0n } }])
    expect(await run(settler.settle([order(address, ton(1))]))).toMatchObject([{ outcome: 'settled' }])
  })

  it('survives messages lost and an endpoint that fails now and then', async () => {
    const { address } = await openChannel()
    client.lose = 3
    const settling = settler.settle([order(address, ton(1))])
    await new Promise(setImmediate)
    client.fail = 2
    const results = await run(settling.catch(() => settler.settle([order(address, ton(1))])))
    expect(results).toMatchObject([{ outcome: 'settled', state: { settled: ton(1) } }])
  })

  it('brings what comes with the message back to the payee', async () => {
    const { address } = await openChannel()
    const before = await wallet.balance()
    await run(settler.settle([order(address, ton(1))]))
    const gained = (await wallet.balance()) - before
    expect(gained).toBeGreaterThan(ton(0.998))
    expect(gained).toBeLessThan(ton(1))
    expect(settleValue).toBe(ton(0.02))
  })
})
