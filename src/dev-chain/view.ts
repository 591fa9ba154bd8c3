/**
 * The chain as of one block: what an endpoint at this block can say. An endpoint that lags is one whose view is older.
 *
 * Empty blocks follow from time: between two stored blocks, one for each interval. Their numbers, times and hashes are computed
 * here, the same each time, also after a restart.
 */
import type { Address } from '@ton/core'
import { sha256, utf8 } from '../lib/bytes.ts'
import { DevChainError } from './errors.ts'
import { type AccountState, emptyAccount, readAccount } from './machine.ts'
import type { Block, ChainStore, StoredTransaction } from './store.ts'

/** A block's name, as toncenter spells it. */
export interface BlockId {
  readonly workchain: number
  readonly seqno: number
  readonly rootHash: Buffer
  readonly fileHash: Buffer
}

export class ChainView {
  readonly #store: ChainStore
  /** The masterchain block of this view. The one basechain shard has the same numbers. */
  readonly seqno: number

  constructor(store: ChainStore, seqno: number) {
    this.#store = store
    this.seqno = seqno
  }

  /** The same chain at an older block. Throws {@link DevChainError} `not-there` for a block of the future. */
  at(seqno: number): ChainView {
    this.block(seqno)
    return new ChainView(this.#store, seqno)
  }

  /** The time of this view's block, Unix seconds. */
  get utime(): number {
    return Math.floor(this.block(this.seqno).timeMs / 1000)
  }

  account(address: Address): AccountState {
    return readAccount(this.shardAccount(address))
  }

  /** The shard account, base64. */
  shardAccount(address: Address): string {
    return this.#store.account(address.toRawString(), this.seqno) ?? emptyAccount(address)
  }

  /** Throws {@link DevChainError} `not-there`. */
  block(seqno: number, workchain = -1): Block {
    if (seqno < 1 || seqno > this.seqno) throw noBlock(workchain, `seqno=${seqno}: seqno not in db`)
    const before = this.#store.blockAt(seqno)
    if (before.seqno === seqno) return before
    const passed = before.timeMs + (seqno - before.seqno) * before.intervalMs
    return {
      seqno,
      timeMs: Math.min(passed, this.#store.blockAfter(seqno)?.timeMs ?? passed),
      intervalMs: before.intervalMs,
      startLt: before.endLt,
      endLt: before.endLt,
      digest: before.digest,
    }
  }

  /** A block's name. Throws {@link DevChainError} `not-there`. */
  blockId(workchain: number, seqno = this.seqno): BlockId {
    const { digest } = this.block(seqno, workchain)
    const hash = (kind: string) => sha256(utf8(`${kind} ${workchain} ${seqno} ${digest}`))
    return { workchain, seqno, rootHash: hash('root'), fileHash: hash('file') }
  }

  /** The first block that reaches `target` in lt or Unix seconds. Throws {@link DevChainError} `not-there`. */
  lookup(workchain: number, by: 'lt' | 'utime', target: bigint): number {
    const reached = (seqno: number) => {
      const { endLt, timeMs } = this.block(seqno)
      return (by === 'lt' ? endLt : BigInt(Math.floor(timeMs / 1000))) >= target
    }
    if (!reached(this.seqno)) throw noBlock(workchain, `${by}=${target}: ${by} not in db`)
    let [low, high] = [1, this.seqno]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (reached(middle)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Newest first, down to above `toLt`. `from` names the first; throws {@link DevChainError} `not-there` where it is not one of them. */
  transactions(address: Address, from: { lt: bigint; hash: Buffer } | undefined, toLt: bigint, limit: number): StoredTransaction[] {
    const raw = address.toRawString()
    if (from) {
      const [first] = this.#store.transactions(raw, this.seqno, from.lt, from.lt - 1n, 1)
      if (!first)
        throw new DevChainError('not-there', 'LITE_SERVER_UNKNOWN: cannot locate transaction in block with specified logical time')
      if (first.hash !== from.hash.toString('base64'))
        throw new DevChainError(
          'not-there',
          'LITE_SERVER_UNKNOWN: transaction hash mismatch: the account has another transaction at this lt',
        )
    }
    return this.#store.transactions(raw, this.seqno, from?.lt ?? this.account(address).lastLt, toLt, limit)
  }

  /** In the order of accounts, then of lt. Throws {@link DevChainError} `not-there`. */
  blockTransactions(workchain: number, seqno: number): StoredTransaction[] {
    this.block(seqno, workchain)
    return this.#store.blockTransactions(seqno).filter(({ address }) => address.startsWith(`${workchain}:`))
  }

  locate(end: 'source' | 'result', source: Address, destination: Address, createdLt: bigint): StoredTransaction | undefined {
    return this.#store.located(end, source.toRawString(), destination.toRawString(), createdLt, this.seqno)
  }
}

function noBlock(workchain: number, what: string): DevChainError {
  return new DevChainError('not-there', `LITE_SERVER_NOTREADY: cannot find block (${workchain},8000000000000000) ${what}`)
}
