/** The development chain as the stock `TonClient` sees it, over HTTP. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Address, beginCell, external, internal, SendMode, storeMessage } from '@ton/core'
import { TonClient, WalletContractV5R1 } from '@ton/ton'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEV_GLOBAL_ID, type RunningDevChain, startDevChain } from '../../src/dev-chain/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { keyPairOf } from '../../src/payment-channel/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { signCell, testAddress } from '../support/ton.ts'

const folder = mkdtempSync(join(tmpdir(), 'chrysalis-chain-'))
const directory = join(folder, 'chain')
const clock = new ManualClock(1_790_000_000_000)
let chain: RunningDevChain
let client: TonClient
const open = async () => {
  chain = await startDevChain({ directory, port: 0, logger: silentLogger, clock })
  client = new TonClient({ endpoint: chain.url })
}
beforeAll(open)
afterAll(async () => {
  await chain.close()
  rmSync(folder, { recursive: true })
})

async function rpc(
  method: unknown,
  params: unknown = {},
): Promise<{ status: number; body: Record<string, unknown> & { result?: unknown } }> {
  const response = await fetch(chain.url, { method: 'POST', body: JSON.stringify({ id: 1, jsonrpc: '2.0', method, params }) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const faucet = (to: Address, amount: bigint) => rpc('dev_faucet', { address: to.toString(), amount: amount.toString() })

const key = keyPairOf(Buffer.alloc(32, 7))
const wallet = WalletContractV5R1.create({
  publicKey: key.publicKey,
  walletId: { networkGlobalId: DEV_GLOBAL_ID, context: { walletVersion: 'v5r1', workchain: 0, subwalletNumber: 0 } },
})
const receiver = testAddress('receiver')

async function transfer(seqno: number, value: bigint): Promise<Buffer> {
  const body = await wallet.createTransfer({
    seqno,
    timeout: Math.floor(clock.now() / 1000) + 60,
    signer: async cell => signCell(key, cell),
    sendMode: SendMode.PAY_GAS_SEPARATELY,
    messages: [internal({ to: receiver, value, bounce: false })],
  })
  const message = external({ to: wallet.address, body, ...(seqno === 0 ? { init: wallet.init } : {}) })
  return beginCell().store(storeMessage(message)).endCell().toBoc()
}

describe('the development chain', () => {
  test('says which chain it is, and it is nobody else’s', async () => {
    const { body } = await rpc('dev_info')
    expect(body.result).toMatchObject({ global_id: DEV_GLOBAL_ID, now: 1_790_000_000 })
    expect([-239, -3]).not.toContain(DEV_GLOBAL_ID)
  })

  test('gives coins, and shows an account that only holds some', async () => {
    expect((await faucet(wallet.address, 5_000_000_000n)).status).toBe(200)
    const state = await client.getContractState(wallet.address)
    expect(state).toMatchObject({ balance: 5_000_000_000n, state: 'uninitialized', code: null, data: null, timestampt: 1_790_000_000 })
    expect((await client.getContractState(testAddress('nobody'))).balance).toBe(0n)
  })

  test('deploys a wallet v5 with its first transfer, runs its get-method, and makes blocks', async () => {
    const before = (await client.getMasterchainInfo()).latestSeqno
    await client.sendFile(await transfer(0, 1_000_000_000n))
    expect((await client.getMasterchainInfo()).latestSeqno).toBe(before + 1)
    expect(await client.isContractDeployed(wallet.address)).toBe(true)
    expect(await client.getBalance(receiver)).toBe(1_000_000_000n)
    expect((await client.runMethod(wallet.address, 'seqno')).stack.readNumber()).toBe(1)
    expect((await client.runMethodWithError(wallet.address, 'no_such_method')).exit_code).toBe(11)
    expect((await client.runMethodWithError(testAddress('nobody'), 'seqno')).exit_code).toBe(-13)
  })

  test('refuses an external that the contract does not accept, and nothing changes', async () => {
    const before = await client.getContractState(wallet.address)
    const { status, body } = await rpc('sendBoc', { boc: (await transfer(0, 1n)).toString('base64') })
    expect(status).toBe(500)
    expect(body).toMatchObject({
      ok: false,
      code: 500,
      error: expect.stringMatching(/^LITE_SERVER_UNKNOWN: cannot apply external message to current state.*\nexitcode=133, /s),
    })
    expect(await client.getContractState(wallet.address)).toEqual(before)
  })

  test('lists transactions newest first, page by page, each with its messages', async () => {
    for (const seqno of [1, 2, 3]) await client.sendFile(await transfer(seqno, 10_000_000n))
    const all = await client.getTransactions(wallet.address, { limit: 10 })
    expect(all.length).toBe(5)
    expect(all.map(transaction => transaction.lt)).toEqual(all.map(transaction => transaction.lt).toSorted((a, b) => (a < b ? 1 : -1)))
    const second = all[1]!
    const page = await client.getTransactions(wallet.address, {
      limit: 2,
      lt: second.lt.toString(),
      hash: second.hash().toString('base64'),
    })
    expect(page.map(transaction => transaction.lt)).toEqual([all[2]!.lt, all[3]!.lt])
    const found = await client.getTransaction(wallet.address, second.lt.toString(), second.hash().toString('base64'))
    expect(found?.lt).toBe(second.lt)
  })

  test('finds a message’s two ends', async () => {
    const [sent] = await client.getTransactions(wallet.address, { limit: 1 })
    const { info } = sent!.outMessages.values()[0]!
    if (info.type !== 'internal') throw new Error('not internal')
    const result = await client.tryLocateResultTx(info.src, info.dest, info.createdLt.toString())
    expect(result.inMessage?.info.type).toBe('internal')
    expect((await client.tryLocateSourceTx(info.src, info.dest, info.createdLt.toString())).lt).toBe(sent!.lt)
    expect(
      (await rpc('tryLocateResultTx', { source: info.src.toString(), destination: info.dest.toString(), created_lt: '1' })).status,
    ).toBe(404)
  })

  test('lists a block’s transactions and its shard', async () => {
    const { latestSeqno, shard } = await client.getMasterchainInfo()
    expect(await client.getWorkchainShards(latestSeqno)).toEqual([{ workchain: 0, shard, seqno: latestSeqno }])
    const listed = await client.getShardTransactions(0, latestSeqno, shard)
    expect(listed.map(({ account }) => account.toString())).toEqual([wallet.address.toString(), receiver.toString()])
  })

  test('estimates fees near what is then paid', async () => {
    const body = await wallet.createTransfer({
      seqno: 4,
      timeout: Math.floor(clock.now() / 1000) + 60,
      signer: async cell => signCell(key, cell),
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      messages: [internal({ to: receiver, value: 1_000n, bounce: false })],
    })
    const { source_fees: fees } = await client.estimateExternalMessageFee(wallet.address, {
      body,
      initCode: null,
      initData: null,
      ignoreSignature: true,
    })
    expect(fees.gas_fee).toBeGreaterThan(100_000)
    expect(fees.gas_fee + fees.fwd_fee + fees.in_fwd_fee).toBeLessThan(10_000_000)
  })

  test('moves time with the clock, and lets no message live past its own', async () => {
    const late = await transfer(4, 1n)
    await clock.advance(120_000)
    expect((await rpc('sendBoc', { boc: late.toString('base64') })).status).toBe(500)
    expect((await client.getContractState(wallet.address)).timestampt).toBe(1_790_000_120)
  })

  test('goes on after a restart: accounts, transactions, block numbers', async () => {
    const before = {
      state: await client.getContractState(wallet.address),
      head: await client.getMasterchainInfo(),
      count: (await client.getTransactions(wallet.address, { limit: 50 })).length,
    }
    await chain.close()
    await open()
    expect(await client.getContractState(wallet.address)).toEqual(before.state)
    expect(await client.getMasterchainInfo()).toEqual(before.head)
    expect((await client.getTransactions(wallet.address, { limit: 50 })).length).toBe(before.count)
    await client.sendFile(await transfer(4, 10_000_000n))
    expect((await client.runMethod(wallet.address, 'seqno')).stack.readNumber()).toBe(5)
  })

  test('lets nobody else open its folder meanwhile', async () => {
    await expect(startDevChain({ directory, port: 0, logger: silentLogger })).rejects.toThrow(/another process has this chain open/)
  })
})

describe('bad input', () => {
  test.each([
    ['no JSON', 'hello', 422],
    ['no method', '{"id":1}', 422],
    ['a method that is not there', '{"method":"mine"}', 404],
    ['a method of Object’s', '{"method":"constructor"}', 404],
    ['params that are a list', '{"method":"getAddressInformation","params":[]}', 422],
    ['a bad address', '{"method":"getAddressInformation","params":{"address":"nowhere"}}', 422],
    ['a bad BOC', '{"method":"sendBoc","params":{"boc":"AAAA"}}', 500],
    ['a BOC that is no message', `{"method":"sendBoc","params":{"boc":"${beginCell().endCell().toBoc().toString('base64')}"}}`, 500],
    ['a bad stack', `{"method":"runGetMethod","params":{"address":"${`0:${'0'.repeat(64)}`}","method":"x","stack":[["what"]]}}`, 422],
    ['a negative amount', `{"method":"dev_faucet","params":{"address":"${`0:${'0'.repeat(64)}`}","amount":"-1"}}`, 422],
    ['a block of the future', '{"method":"shards","params":{"seqno":999999}}', 500],
  ])('%s is an error in toncenter’s shape', async (_, body, status) => {
    const response = await fetch(chain.url, { method: 'POST', body })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ ok: false, code: status, error: expect.any(String) })
  })

  test('a huge body is refused, and the chain lives', async () => {
    expect((await fetch(chain.url, { method: 'POST', body: 'x'.repeat(3 * 1024 * 1024) })).status).toBe(413)
    expect((await rpc('dev_info')).status).toBe(200)
  })
})

describe('chrysalis dev-chain', () => {
  test('keeps what it answered, though it is killed right after', async () => {
    const data = join(folder, 'killed')
    const start = async () => {
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL('../../bin/chrysalis.js', import.meta.url)), 'dev-chain', '--data', data, '--port', '0'],
        { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
      )
      const url = await new Promise<string>(resolve =>
        child.on('message', message => resolve((message as { ready: { url: string } }).ready.url)),
      )
      return { child, url, gone: new Promise(resolve => child.on('exit', resolve)) }
    }
    const first = await start()
    const answer = await fetch(first.url, {
      method: 'POST',
      body: JSON.stringify({ method: 'dev_faucet', params: { address: receiver.toString(), amount: '123' } }),
    })
    expect(answer.status).toBe(200)
    first.child.kill('SIGKILL')
    await first.gone
    const second = await start()
    expect(await new TonClient({ endpoint: second.url }).getBalance(receiver)).toBe(123n)
    second.child.send('stop')
    expect(await second.gone).toBe(0)
  })
})
