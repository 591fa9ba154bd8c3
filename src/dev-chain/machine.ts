/**
 * TON's own virtual machine and transaction executor, as compiled into `@ton/sandbox`: a message and an account in, a transaction
 * and the account after it out. Nothing is remembered between two calls.
 */
import { type Account, type Address, beginCell, Cell, loadShardAccount, storeShardAccount, type TupleItem } from '@ton/core'
import { createEmptyShardAccount, Executor } from '@ton/sandbox'
import { devChainConfigBoc } from './config.ts'
import { DevChainError } from './errors.ts'

/** As much as a liteserver grants a get-method. */
const getMethodGas = 1_000_000n
const zeroSeed = Buffer.alloc(32)

/** When something runs. */
export interface Moment {
  /** Unix seconds. */
  readonly utime: number
  readonly lt: bigint
}

/** An account as clients see it. */
export interface AccountState {
  readonly balance: bigint
  readonly extraCurrencies: readonly { readonly id: number; readonly amount: bigint }[]
  readonly state: 'active' | 'uninitialized' | 'frozen'
  readonly code: Cell | undefined
  readonly data: Cell | undefined
  readonly frozenHash: bigint | undefined
  readonly lastLt: bigint
  readonly lastHash: bigint
}

/** What a get-method left. */
export interface MethodResult {
  readonly gasUsed: number
  readonly exitCode: number
  /** The stack's tuple as a BOC, base64. */
  readonly stack: string
}

export class Machine {
  readonly #executor: Executor
  /** The chain's configuration, base64. */
  readonly config: string

  private constructor(executor: Executor) {
    this.#executor = executor
    this.config = devChainConfigBoc()
  }

  /** Loads the machine: about 0.3 s the first time in a process. */
  static async create(): Promise<Machine> {
    return new Machine(await Executor.create())
  }

  /**
   * Runs `message` at the account in `shardAccount` (base64). Throws {@link DevChainError} `rejected`, in a liteserver's words, for
   * an external message that the account does not accept.
   */
  async run(
    shardAccount: string,
    message: Cell,
    { utime, lt }: Moment,
    options: { ignoreSignatures?: boolean } = {},
  ): Promise<{ transaction: Cell; shardAccount: string }> {
    const { result } = await this.#executor.runTransaction({
      config: this.config,
      libs: null,
      verbosity: 'full',
      shardAccount,
      message,
      now: utime,
      lt,
      randomSeed: zeroSeed,
      ignoreChksig: options.ignoreSignatures ?? false,
      debugEnabled: false,
    })
    if (!result.success) throw new DevChainError('rejected', rejection(shardAccount, result.error, result.vmResults))
    return { transaction: Cell.fromBase64(result.transaction), shardAccount: result.shardAccount }
  }

  /** Runs a get-method of `account`. A contract that is not there answers with exit code -13, as nodes do. */
  async runGetMethod(
    address: Address,
    { code, data, balance }: AccountState,
    methodId: number,
    stack: TupleItem[],
    utime: number,
  ): Promise<MethodResult> {
    if (!code || !data) return { gasUsed: 0, exitCode: -13, stack: emptyStack }
    const { output } = await this.#executor.runGetMethod({
      code,
      data,
      methodId,
      stack,
      config: this.config,
      verbosity: 'short',
      address,
      unixTime: utime,
      balance,
      randomSeed: zeroSeed,
      gasLimit: getMethodGas,
      debugEnabled: false,
    })
    if (!output.success) throw new DevChainError('bad-request', `the get-method cannot be run: ${output.error}`)
    return { gasUsed: Number(output.gas_used), exitCode: output.vm_exit_code, stack: output.stack }
  }
}

const emptyStack = beginCell().storeUint(0, 24).endCell().toBoc().toString('base64')

/** The shard account of an address where nothing is, base64. */
export function emptyAccount(address: Address): string {
  return beginCell()
    .store(storeShardAccount(createEmptyShardAccount(address)))
    .endCell()
    .toBoc()
    .toString('base64')
}

/** Reads a shard account (base64). */
export function readAccount(shardAccount: string): AccountState {
  const { account, lastTransactionLt: lastLt, lastTransactionHash: lastHash } = loadShardAccount(Cell.fromBase64(shardAccount).beginParse())
  return { ...stateOf(account), lastLt, lastHash }
}

function stateOf(account: Account | null | undefined): Omit<AccountState, 'lastLt' | 'lastHash'> {
  const nothing = { code: undefined, data: undefined, frozenHash: undefined }
  if (!account) return { balance: 0n, extraCurrencies: [], state: 'uninitialized', ...nothing }
  const { state, balance } = account.storage
  const money = {
    balance: balance.coins,
    extraCurrencies: [...(balance.other ?? [])].map(([id, amount]) => ({ id, amount })),
  }
  if (state.type === 'active')
    return { ...money, ...nothing, state: 'active', code: state.state.code ?? undefined, data: state.state.data ?? undefined }
  if (state.type === 'frozen') return { ...money, ...nothing, state: 'frozen', frozenHash: state.stateHash }
  return { ...money, ...nothing, state: 'uninitialized' }
}

// A liteserver's sentence, with the exit code where clients look for it: "exitcode=133".
function rejection(shardAccount: string, error: string, vm: { vmLog: string; vmExitCode: number } | undefined): string {
  const prefix = 'LITE_SERVER_UNKNOWN: cannot apply external message to current state : '
  const { account } = loadShardAccount(Cell.fromBase64(shardAccount).beginParse())
  if (!account || (account.storage.state.type === 'uninit' && account.storage.balance.coins === 0n))
    return `${prefix}Failed to unpack account state`
  const hash = account.addr.toRawString().split(':')[1]?.toUpperCase()
  const reason = `${prefix}External message was not accepted\nCannot run message on account: inbound external message rejected by`
  if (!vm && !error.includes('before smart-contract execution')) return `${prefix}External message was not accepted: ${error}`
  if (!vm?.vmLog) return `${reason} account ${hash} before smart-contract execution`
  const steps = vm.vmLog.split('\n').filter(line => line.startsWith('execute ')).length
  return `${reason} transaction ${hash}:\nexitcode=${vm.vmExitCode}, steps=${steps}, gas_used=0\nVM Log (truncated):\n...${vm.vmLog.slice(-300)}`
}
