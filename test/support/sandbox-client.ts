/** A TON endpoint in the test's own process: the sandbox behind the two calls that we make, with faults to switch on. */
import { type Address, Cell, loadMessage } from '@ton/core'
import { Blockchain, internal } from '@ton/sandbox'
import type { ChainClient } from '../../src/payment-channel/index.ts'
import type { ManualClock } from './manual-clock.ts'
import { testAddress } from './ton.ts'
import { mainnetPrices } from './ton-config.ts'

type AccountView = Awaited<ReturnType<ChainClient['getContractState']>>

export class SandboxClient implements ChainClient {
  readonly chain: Blockchain
  readonly #clock: ManualClock
  #block = 1
  /** Every BOC that came in, the lost ones too. */
  readonly sent: Buffer[] = []
  /** How many of the next messages are taken and lost. */
  lose = 0
  /** How many of the next calls fail. */
  fail = 0
  /** Shows accounts as they were at the time this was set. */
  stale: Map<string, AccountView> | undefined

  private constructor(chain: Blockchain, clock: ManualClock) {
    this.chain = chain
    this.#clock = clock
  }

  static async create(clock: ManualClock): Promise<SandboxClient> {
    return new SandboxClient(await Blockchain.create({ config: mainnetPrices() }), clock)
  }

  /** Coins out of nothing. */
  async faucet(to: Address, value: bigint): Promise<void> {
    this.chain.now = this.#seconds()
    await this.chain.sendMessage(internal({ from: testAddress('faucet'), to, value, bounce: false }))
  }

  async sendFile(boc: Buffer): Promise<void> {
    this.#stumble()
    this.sent.push(boc)
    if (this.lose > 0) {
      this.lose--
      return
    }
    this.chain.now = this.#seconds()
    this.#block++
    try {
      await this.chain.sendMessage(loadMessage(Cell.fromBoc(boc)[0]!.beginParse()))
    } catch {
      // What an axios error looks like where it matters: it carries the request, with whatever secrets are in it.
      throw Object.assign(new Error('Request failed with status code 500'), {
        response: { status: 500, data: { ok: false, error: 'LITE_SERVER_UNKNOWN: cannot apply external message to current state' } },
        config: { headers: { 'X-API-Key': 'a secret' } },
      })
    }
  }

  async getContractState(address: Address): Promise<AccountView> {
    this.#stumble()
    const remembered = this.stale?.get(address.toRawString())
    if (remembered) return remembered
    const contract = await this.chain.getContract(address)
    const account = contract.accountState
    const active = account?.type === 'active' ? account.state : undefined
    const view: AccountView = {
      balance: contract.balance,
      extra_currencies: undefined,
      state: account?.type === 'active' || account?.type === 'frozen' ? account.type : 'uninitialized',
      code: active?.code?.toBoc() ?? null,
      data: active?.data?.toBoc() ?? null,
      lastTransaction: null,
      blockId: { workchain: 0, shard: '-9223372036854775808', seqno: this.#block },
      timestampt: this.#seconds(),
    }
    this.stale?.set(address.toRawString(), view)
    return view
  }

  #stumble(): void {
    if (this.fail === 0) return
    this.fail--
    throw new Error('timeout of 30000ms exceeded')
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000)
  }
}
