/** A development chain for a test, with a wallet v5 on it and a clock that stands still. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, beginCell, type Cell, external, internal, SendMode, storeMessage } from '@ton/core'
import { TonClient, WalletContractV5R1 } from '@ton/ton'
import { DEV_GLOBAL_ID, type DevChainOptions, type RunningDevChain, startDevChain } from '../../src/dev-chain/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { type KeyPair, keyPairOf } from '../../src/payment-channel/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { signCell, testAddress } from '../support/ton.ts'

export const startTime = 1_790_000_000

export interface Answer {
  readonly status: number
  readonly body: { readonly ok: boolean; readonly result?: unknown; readonly error?: string; readonly code?: number }
}

/** One transfer of a wallet. */
export interface Sent {
  readonly to: Address
  readonly value: bigint
  readonly bounce?: boolean
  readonly body?: Cell | string
}

export class World {
  readonly clock = new ManualClock(startTime * 1000)
  readonly directory = join(mkdtempSync(join(tmpdir(), 'chrysalis-chain-')), 'chain')
  readonly receiver = testAddress('receiver')
  readonly key: KeyPair
  readonly wallet: WalletContractV5R1
  chain!: RunningDevChain
  client!: TonClient

  constructor(key = 7) {
    this.key = keyPairOf(Buffer.alloc(32, key))
    this.wallet = WalletContractV5R1.create({
      publicKey: this.key.publicKey,
      walletId: { networkGlobalId: DEV_GLOBAL_ID, context: { walletVersion: 'v5r1', workchain: 0, subwalletNumber: 0 } },
    })
  }

  async open(options: Partial<DevChainOptions> = {}): Promise<this> {
    this.chain = await startDevChain({ directory: this.directory, port: 0, logger: silentLogger, clock: this.clock, ...options })
    this.client = new TonClient({ endpoint: this.chain.url })
    return this
  }

  async close(): Promise<void> {
    await this.chain.close()
    rmSync(join(this.directory, '..'), { recursive: true })
  }

  /** A call by JSON-RPC, to the endpoint of this name. */
  rpc(method: unknown, params: unknown = {}, endpoint = 'main'): Promise<Answer> {
    return this.post(this.chain.endpoint(endpoint), { id: '1', jsonrpc: '2.0', method, params })
  }

  /** The result of a call that must succeed. */
  async result<T>(method: string, params: object = {}, endpoint = 'main'): Promise<T> {
    const { body } = await this.rpc(method, params, endpoint)
    if (!body.ok) throw new Error(`${method}: ${body.error}`)
    return body.result as T
  }

  async post(url: string, body: unknown): Promise<Answer> {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
    return { status: response.status, body: (await response.json()) as Answer['body'] }
  }

  /** Coins out of nothing. */
  faucet(to: Address, amount: bigint): Promise<Answer> {
    return this.rpc('dev_faucet', { address: to.toString(), amount: amount.toString() })
  }

  /** A signed message of the wallet. */
  async message(seqno: number, ...transfers: Sent[]): Promise<Buffer> {
    const body = await this.wallet.createTransfer({
      seqno,
      timeout: Math.floor(this.clock.now() / 1000) + 60,
      signer: async cell => signCell(this.key, cell),
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      messages: transfers.map(({ to, value, bounce = false, body: inner }) =>
        internal({ to, value, bounce, ...(inner === undefined ? {} : { body: inner }) }),
      ),
    })
    const message = external({ to: this.wallet.address, body, ...(seqno === 0 ? { init: this.wallet.init } : {}) })
    return beginCell().store(storeMessage(message)).endCell().toBoc()
  }

  /** Sends a message of the wallet. */
  async send(seqno: number, ...transfers: Sent[]): Promise<void> {
    await this.client.sendFile(await this.message(seqno, ...transfers))
  }

  /** The wallet with 100 TON, deployed by a transfer of one to the receiver. */
  async fund(): Promise<this> {
    await this.faucet(this.wallet.address, 100_000_000_000n)
    await this.send(0, { to: this.receiver, value: 1_000_000_000n })
    return this
  }
}
