/**
 * Accounts on the real TVM, run directly on the sandbox's executor: one message in, one transaction out, in about a
 * millisecond. What an account sends is looked at, never delivered.
 */
import {
  type Address,
  beginCell,
  type Cell,
  Cell as CellClass,
  contractAddress,
  getMethodId,
  loadShardAccount,
  loadTransaction,
  parseTuple,
  type StateInit,
  storeMessage,
  storeShardAccount,
  type Transaction,
  type TupleItem,
} from '@ton/core'
import { createEmptyShardAccount, Executor, internal } from '@ton/sandbox'
import { mainnetPrices, testChain } from '../support/ton-config.ts'

/** One message, from anybody. */
export interface Delivery {
  readonly from: Address
  readonly value: bigint
  readonly body: Cell
  readonly bounce: boolean
  readonly bounced: boolean
  readonly init?: StateInit
  /** Unix seconds. */
  readonly now: number
}

export interface Outgoing {
  readonly to: Address
  readonly value: bigint
  readonly bounce: boolean
  readonly bounced: boolean
  readonly body: Cell
}

/** What a transaction did, and where each of its nanoTON went. */
export interface Receipt {
  /** `undefined` where nothing was computed: too little gas, or no code. */
  readonly exitCode: number | undefined
  readonly actionCode: number | undefined
  readonly gas: number
  /** Fees in nanoTON: rent, gas, forwarding of what was sent or bounced, and fines for what could not be sent. */
  readonly fees: { readonly rent: bigint; readonly gas: bigint; readonly forward: bigint; readonly fine: bigint }
  readonly out: readonly Outgoing[]
  readonly vmLog: string
}

/** The TVM under the configuration of a chain. */
interface Chain {
  readonly executor: Executor
  readonly config: string
}

/** The TVM on every chain. Make one and keep it: the first chain takes a tenth of a second, and each some 30 MB. */
export interface Machine {
  /** The chain of a global id, under today's mainnet prices. */
  readonly on: (globalId: number) => Promise<Chain>
}

/** A machine on which the tests' own chain is made already. */
export async function createMachine(): Promise<Machine> {
  // An executor each: one that is given another configuration than before reads it all again.
  const chains = new Map<number, Promise<Chain>>()
  const on = (globalId: number) => {
    const chain = chains.get(globalId) ?? createChain(globalId)
    chains.set(globalId, chain)
    return chain
  }
  await on(testChain)
  return { on }
}

async function createChain(globalId: number): Promise<Chain> {
  return { executor: await Executor.create(), config: mainnetPrices(globalId).toBoc().toString('base64') }
}

export class Account {
  readonly address: Address
  readonly #machine: Machine
  readonly #chain: number
  readonly #logged: boolean
  #shard: string
  #lt = 1_000_000n
  balance = 0n
  /** Where the account is active. */
  code: Cell | undefined
  data: Cell | undefined

  constructor(machine: Machine, address: Address, { chain = testChain, logged = false } = {}) {
    this.#machine = machine
    this.#chain = chain
    this.address = address
    this.#logged = logged
    this.#shard = beginCell()
      .store(storeShardAccount(createEmptyShardAccount(address)))
      .endCell()
      .toBoc()
      .toString('base64')
  }

  async deliver(delivery: Delivery): Promise<Receipt> {
    const { from, value, body, bounce, bounced, init, now } = delivery
    const message = internal({ from, to: this.address, value, body, bounce, bounced, ...(init && { stateInit: init }) })
    return this.#run(beginCell().store(storeMessage(message)).endCell(), now)
  }

  /** Whether the account takes `body` from outside. */
  async acceptsExternal(body: Cell, now: number): Promise<boolean> {
    const info = { type: 'external-in' as const, dest: this.address, importFee: 0n }
    const before = this.#shard
    const { result } = await this.#execute(beginCell().store(storeMessage({ info, body })).endCell(), now)
    return result.success || this.#shard !== before
  }

  async #run(message: Cell, now: number): Promise<Receipt> {
    const { result } = await this.#execute(message, now)
    if (!result.success) throw new Error(`the emulator refused a message: ${result.error}`)
    this.#shard = result.shardAccount
    this.#look()
    return receiptOf(loadTransaction(CellClass.fromBase64(result.transaction).beginParse()), result.vmLog)
  }

  async #execute(message: Cell, now: number) {
    this.#lt += 1_000n
    const { executor, config } = await this.#machine.on(this.#chain)
    return executor.runTransaction({
      config,
      libs: null,
      verbosity: this.#logged ? 'full_location' : 'short',
      shardAccount: this.#shard,
      now,
      lt: this.#lt,
      randomSeed: null,
      ignoreChksig: false,
      debugEnabled: false,
      message,
    })
  }

  #look(): void {
    const { account } = loadShardAccount(CellClass.fromBase64(this.#shard).beginParse())
    const state = account?.storage.state
    this.balance = account?.storage.balance.coins ?? 0n
    this.code = (state?.type === 'active' && state.state.code) || undefined
    this.data = (state?.type === 'active' && state.state.data) || undefined
    if (state?.type === 'frozen') throw new Error('the account froze: the test waited longer than rent allows')
  }
}

function receiptOf({ description, outMessages, totalFees }: Transaction, vmLog: string): Receipt {
  if (description.type !== 'generic') throw new Error('not a transaction of a message')
  const { computePhase, actionPhase, bouncePhase, storagePhase } = description
  const computed = computePhase.type === 'vm' ? computePhase : undefined
  const rent = storagePhase?.storageFeesCollected ?? 0n
  const gas = computed?.gasFees ?? 0n
  const bounced = bouncePhase?.type === 'ok' ? bouncePhase : undefined
  const forward =
    (actionPhase?.success ? (actionPhase.totalFwdFees ?? 0n) : 0n) + (bounced ? bounced.messageFees + bounced.forwardFees : 0n)
  const fine = actionPhase && !actionPhase.success ? totalFees.coins - rent - gas - (bounced?.messageFees ?? 0n) : 0n
  return {
    exitCode: computed?.exitCode,
    actionCode: actionPhase?.resultCode,
    gas: Number(computed?.gasUsed ?? 0n),
    fees: { rent, gas, forward, fine },
    out: outMessages.values().map(({ info, body }) => {
      if (info.type !== 'internal') throw new Error('a channel sends internal messages only')
      return { to: info.dest, value: info.value.coins, bounce: info.bounce, bounced: info.bounced, body }
    }),
    vmLog,
  }
}

/** Runs a get-method of a contract that stands nowhere. `exitCode` is 11 for a method that it does not have. */
export async function runGetMethod(
  machine: Machine,
  { code, data }: { code: Cell; data: Cell },
  name: string,
): Promise<{ exitCode: number; stack: TupleItem[]; vmLog: string }> {
  const { executor, config } = await machine.on(testChain)
  const { output } = await executor.runGetMethod({
    code,
    data,
    methodId: getMethodId(name),
    stack: [],
    config,
    verbosity: 'full_location',
    address: contractAddress(0, { code, data }),
    unixTime: 1_800_000_000,
    balance: 0n,
    randomSeed: Buffer.alloc(32),
    gasLimit: 1_000_000n,
    debugEnabled: false,
  })
  if (!output.success) throw new Error(output.error)
  return { exitCode: output.vm_exit_code, stack: parseTuple(CellClass.fromBase64(output.stack)), vmLog: output.vm_log }
}
