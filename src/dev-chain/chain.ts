/**
 * The chain itself: accounts that TON's own virtual machine moves, one message cascade after another. Every accepted message
 * makes a block, which is on disk before anybody is told.
 */
import {
  type Account,
  Address,
  beginCell,
  Cell,
  external,
  internal,
  loadMessage,
  loadShardAccount,
  loadTransaction,
  type Message,
  storeMessage,
  storeShardAccount,
  type TupleItem,
} from '@ton/core'
import { createEmptyShardAccount, Executor } from '@ton/sandbox'
import type { Clock } from '../lib/clock.ts'
import { devChainConfig } from './config.ts'
import { DevChainError } from './errors.ts'
import { type BlockWrite, ChainStore, type Head, type StoredMessage, type StoredTransaction } from './store.ts'

/** Logical time moves on by so much for each transaction, as on the real chain. */
const ltStep = 1_000_000n
/** A message that sets off more than this is stopped: a loop between contracts. */
const mostTransactions = 256
const getMethodGas = 1_000_000n
/** Where the faucet's coins come from: an address that holds nothing. */
const faucet = new Address(-1, Buffer.alloc(32, 0xfa))

export interface AccountView {
  readonly balance: bigint
  readonly state: 'active' | 'uninitialized' | 'frozen'
  readonly code: Cell | undefined
  readonly data: Cell | undefined
  readonly lastLt: bigint
  readonly lastHash: bigint
}

export interface MethodResult {
  readonly gasUsed: number
  readonly exitCode: number
  /** The stack's tuple as a BOC, base64. */
  readonly stack: string
}

/** A block while it is made. */
interface Draft {
  readonly accounts: Map<string, string>
  readonly transactions: StoredTransaction[]
  readonly messages: Map<string, StoredMessage>
  lt: bigint
  readonly seqno: number
  readonly utime: number
}

export class DevChain {
  readonly #store: ChainStore
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #config: string
  #head: Head
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(store: ChainStore, executor: Executor, clock: Clock) {
    this.#store = store
    this.#executor = executor
    this.#clock = clock
    this.#config = devChainConfig().toBoc().toString('base64')
    this.#head = store.head()
  }

  /** Opens the chain kept in `directory`, or begins one. */
  static async open(directory: string, clock: Clock): Promise<DevChain> {
    return new DevChain(new ChainStore(directory), await Executor.create(), clock)
  }

  get seqno(): number {
    return this.#head.seqno
  }

  /** The chain's time: the clock's, and never earlier than the newest block. Unix seconds. */
  now(): number {
    return Math.max(Math.floor(this.#clock.now() / 1000), this.#head.utime)
  }

  /** Takes an external message and runs all that follows from it. Throws {@link DevChainError} `rejected`; then nothing changed. */
  accept(message: Message): Promise<void> {
    return this.#alone(() => this.#makeBlock(beginCell().store(storeMessage(message)).endCell(), message))
  }

  /** Coins out of nothing. */
  give(to: Address, amount: bigint): Promise<void> {
    const message = internal({ to, value: amount, bounce: false })
    const paid: Message = { ...message, info: { ...message.info, src: faucet, createdAt: this.now(), createdLt: this.#head.lt } } as Message
    return this.#alone(() => this.#makeBlock(beginCell().store(storeMessage(paid)).endCell(), paid))
  }

  /** An account as it is now. */
  account(address: Address): AccountView {
    const shard = this.#shardAccount(address.toRawString(), address)
    const { account, lastTransactionLt: lastLt, lastTransactionHash: lastHash } = loadShardAccount(Cell.fromBase64(shard).beginParse())
    return { ...stateOf(account), lastLt, lastHash }
  }

  /** Runs a get-method. A contract that is not there answers with exit code -13, as nodes do. */
  async runGetMethod(address: Address, methodId: number, stack: TupleItem[]): Promise<MethodResult> {
    const { code, data, balance } = this.account(address)
    if (!code || !data) return { gasUsed: 0, exitCode: -13, stack: emptyStack }
    const { output } = await this.#alone(() =>
      this.#executor.runGetMethod({
        code,
        data,
        methodId,
        stack,
        config: this.#config,
        verbosity: 'short',
        address,
        unixTime: this.now(),
        balance,
        randomSeed: Buffer.alloc(32),
        gasLimit: getMethodGas,
        debugEnabled: false,
      }),
    )
    if (!output.success) throw new DevChainError('bad-request', `the get-method cannot be run: ${output.error}`)
    return { gasUsed: Number(output.gas_used), exitCode: output.vm_exit_code, stack: output.stack }
  }

  /** What an external message would cost its receiver, without running it for good. Signatures may be left unchecked. */
  async estimate(
    address: Address,
    body: Cell,
    init: { code: Cell; data: Cell } | undefined,
    ignoreSignature: boolean,
  ): Promise<{ inForward: bigint; storage: bigint; gas: bigint; forward: bigint }> {
    const message = beginCell()
      .store(storeMessage(external({ to: address, body, ...(init ? { init } : {}) })))
      .endCell()
    const { transaction } = await this.#alone(() =>
      this.#execute(this.#shardAccount(address.toRawString(), address), message, this.#head.lt + ltStep, ignoreSignature),
    )
    const { description, totalFees } = loadTransaction(transaction.beginParse())
    if (description.type !== 'generic') throw new DevChainError('bad-request', 'not a message')
    const storage = description.storagePhase?.storageFeesCollected ?? 0n
    const gas = description.computePhase.type === 'vm' ? description.computePhase.gasFees : 0n
    const forward = description.actionPhase?.totalFwdFees ?? 0n
    const actions = description.actionPhase?.totalActionFees ?? 0n
    return { inForward: totalFees.coins - storage - gas - actions, storage, gas, forward }
  }

  transactions(address: Address, fromLt: string | undefined, limit: number): StoredTransaction[] {
    return this.#store.transactions(address.toRawString(), fromLt, limit)
  }

  block(seqno: number): StoredTransaction[] {
    return this.#store.block(seqno)
  }

  locate(end: 'source' | 'result', source: Address, destination: Address, createdLt: string): StoredTransaction | undefined {
    return this.#store.located(end, source.toRawString(), destination.toRawString(), createdLt)
  }

  /** Waits for what runs, then closes the store. */
  async close(): Promise<void> {
    await this.#alone(async () => this.#store.close())
  }

  /** One thing at a time: the machine has one heap, and blocks follow each other. */
  #alone<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(action)
    this.#queue = turn.catch(() => {})
    return turn
  }

  async #makeBlock(first: Cell, message: Message): Promise<void> {
    const draft: Draft = {
      accounts: new Map(),
      transactions: [],
      messages: new Map(),
      lt: this.#head.lt,
      seqno: this.#head.seqno + 1,
      utime: this.now(),
    }
    const waiting: { cell: Cell; message: Message }[] = [{ cell: first, message }]
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (draft.transactions.length === mostTransactions)
        throw new DevChainError('rejected', `the message sets off more than ${mostTransactions} transactions`)
      waiting.push(...(await this.#deliver(draft, next.cell, next.message)))
    }
    const head: Head = { seqno: draft.seqno, lt: draft.lt, utime: draft.utime }
    const block: BlockWrite = {
      head,
      accounts: draft.accounts,
      transactions: draft.transactions,
      messages: Array.from(draft.messages.values()),
    }
    this.#store.write(block)
    this.#head = head
  }

  /** Runs one message at its receiver; what it sends in turn is returned. */
  async #deliver(draft: Draft, cell: Cell, message: Message): Promise<{ cell: Cell; message: Message }[]> {
    const { info } = message
    if (info.type === 'external-out') return []
    const address = info.dest
    const raw = address.toRawString()
    draft.lt += ltStep
    const lt = draft.lt
    const before = draft.accounts.get(raw) ?? this.#shardAccount(raw, address)
    const { transaction, shardAccount } = await this.#execute(before, cell, lt, false)
    draft.accounts.set(raw, shardAccount)
    const parsed = loadTransaction(transaction.beginParse())
    draft.transactions.push({
      address: raw,
      lt: parsed.lt.toString(),
      hash: transaction.hash().toString('base64'),
      data: transaction.toBoc().toString('base64'),
      utime: parsed.now,
      seqno: draft.seqno,
    })
    if (info.type === 'internal') this.#connect(draft, info.src, address, info.createdLt, { resultLt: parsed.lt.toString() })
    const sent = parsed.outMessages.values().map(out => ({ message: out, cell: beginCell().store(storeMessage(out)).endCell() }))
    for (const { message: out } of sent) {
      if (out.info.type === 'internal') this.#connect(draft, address, out.info.dest, out.info.createdLt, { sourceLt: parsed.lt.toString() })
      if (out.info.type === 'internal' && out.info.createdLt > draft.lt) draft.lt = out.info.createdLt
    }
    return sent
  }

  #connect(draft: Draft, source: Address, destination: Address, createdLt: bigint, end: { sourceLt?: string; resultLt?: string }): void {
    const key = `${source.toRawString()} ${destination.toRawString()} ${createdLt}`
    const known = draft.messages.get(key) ?? {
      source: source.toRawString(),
      destination: destination.toRawString(),
      createdLt: createdLt.toString(),
      sourceLt: undefined,
      resultLt: undefined,
    }
    draft.messages.set(key, { ...known, ...end })
  }

  async #execute(
    shardAccount: string,
    message: Cell,
    lt: bigint,
    ignoreChksig: boolean,
  ): Promise<{ transaction: Cell; shardAccount: string }> {
    const { result } = await this.#executor.runTransaction({
      config: this.#config,
      libs: null,
      verbosity: 'short',
      shardAccount,
      message,
      now: this.now(),
      lt,
      randomSeed: Buffer.alloc(32),
      ignoreChksig,
      debugEnabled: false,
    })
    if (!result.success) {
      const code = result.vmResults?.vmExitCode
      throw new DevChainError(
        'rejected',
        `cannot apply external message to current state : ${code === undefined ? result.error : `External message was not accepted: terminating vm with exit code ${code}`}`,
      )
    }
    return { transaction: Cell.fromBase64(result.transaction), shardAccount: result.shardAccount }
  }

  #shardAccount(raw: string, address: Address): string {
    return (
      this.#store.account(raw) ??
      beginCell()
        .store(storeShardAccount(createEmptyShardAccount(address)))
        .endCell()
        .toBoc()
        .toString('base64')
    )
  }
}

/** An empty stack, as the machine writes it. */
const emptyStack = beginCell().storeUint(0, 24).endCell().toBoc().toString('base64')

function stateOf(account: Account | null | undefined): Omit<AccountView, 'lastLt' | 'lastHash'> {
  if (!account) return { balance: 0n, state: 'uninitialized', code: undefined, data: undefined }
  const { state, balance } = account.storage
  if (state.type === 'active')
    return { balance: balance.coins, state: 'active', code: state.state.code ?? undefined, data: state.state.data ?? undefined }
  return { balance: balance.coins, state: state.type === 'frozen' ? 'frozen' : 'uninitialized', code: undefined, data: undefined }
}

/** Reads an external message from a BOC. Throws {@link DevChainError} `bad-request`. */
export function readExternal(boc: Buffer): Message {
  let message: Message
  try {
    message = loadMessage(Cell.fromBoc(boc)[0]!.beginParse())
  } catch (cause) {
    throw new DevChainError('bad-request', 'cannot deserialize bag-of-cells: not a message', { cause })
  }
  if (message.info.type !== 'external-in') throw new DevChainError('bad-request', 'only external messages can be sent')
  return message
}
