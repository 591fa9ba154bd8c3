/**
 * The chain itself: its time, its blocks, what goes in. A message makes a block at once, which is on disk before anybody is told;
 * beside these, an empty block follows for each interval of time that passes.
 *
 * The chain never works in the background. What time alone does (empty blocks, messages that arrive later) is done when somebody
 * next looks, at the time at which it was due, so that nobody can tell the difference.
 */
import { Address, beginCell, type Cell, external, internal, loadTransaction, type Message, storeMessage, type TupleItem } from '@ton/core'
import type { Clock } from '../lib/clock.ts'
import { makeBlock } from './block.ts'
import { type Delivery, dueBlock, instantDelivery, Random, type Waiting } from './delivery.ts'
import { DevChainError } from './errors.ts'
import { type AccountState, Machine, type MethodResult } from './machine.ts'
import { type Block, ChainStore, type Settings, type Snapshot } from './store.ts'
import { ChainView } from './view.ts'

/** Where the faucet's coins come from: an address that holds nothing. */
const faucet = new Address(-1, Buffer.alloc(32, 0xfa))
const mostSnapshots = 100

export interface ChainOptions {
  /** Keeps the chain over restarts. */
  readonly directory: string
  readonly clock: Clock
  /** Milliseconds from one empty block to the next, for a chain that begins here; one that is there keeps its own. 0: none. */
  readonly blockIntervalMs: number
}

/** What executing an external message would cost its receiver, in nanoTON. */
export interface FeeEstimate {
  readonly inForward: bigint
  readonly storage: bigint
  readonly gas: bigint
  readonly forward: bigint
}

export class DevChain {
  readonly #store: ChainStore
  readonly #machine: Machine
  readonly #clock: Clock
  readonly #random: Random
  #newest: Block
  #settings: Omit<Settings, 'random'>
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(store: ChainStore, machine: Machine, clock: Clock) {
    this.#store = store
    this.#machine = machine
    this.#clock = clock
    this.#newest = store.newestBlock()
    const settings = store.settings()
    this.#settings = settings
    this.#random = new Random(settings.random)
  }

  /** Opens the chain kept in `directory`, or begins one. Throws where another process has it open. */
  static async open({ directory, clock, blockIntervalMs }: ChainOptions): Promise<DevChain> {
    const machine = await Machine.create()
    const block = { seqno: 1, timeMs: clock.now(), intervalMs: blockIntervalMs, startLt: 1_000_000n, endLt: 1_000_001n, digest: 'genesis' }
    const settings = { offsetMs: 0, frozenAtMs: null, delivery: instantDelivery, random: 0 }
    return new DevChain(new ChainStore(directory, { block, settings }), machine, clock)
  }

  /** The chain as of now. */
  view(): Promise<ChainView> {
    return this.#alone(async () => this.#viewNow())
  }

  /** Takes an external message. Throws {@link DevChainError} `rejected` where its receiver does not accept it; then nothing changed. */
  accept(message: Message): Promise<void> {
    if (message.info.type !== 'external-in') throw new DevChainError('bad-request', 'only external messages can be sent')
    const waiting = { source: '', destination: message.info.dest.toRawString(), boc: bocOf(message) }
    return this.#alone(async () => {
      const view = await this.#viewNow()
      const { delivery } = this.#settings
      if (!delivery.externals) return this.#make(view.seqno + 1, this.#nowMs(), [{ ...waiting, due: view.seqno + 1 }])
      await this.#tryOut(view, message, false)
      const due = dueBlock(delivery, this.#random, view.seqno + 1, waiting, [])
      this.#store.saveWaiting([...this.#store.waiting(), { ...waiting, due }], this.#allSettings())
    })
  }

  /** Coins out of nothing, at once. `amount` in nanoTON. */
  give(to: Address, amount: bigint): Promise<void> {
    return this.#alone(async () => {
      const { seqno, utime } = await this.#viewNow()
      const message = internal({ to, value: amount, bounce: false })
      const info = { ...message.info, src: faucet, createdAt: utime, createdLt: this.#newest.endLt }
      const boc = bocOf({ ...message, info } as Message)
      await this.#make(seqno + 1, this.#nowMs(), [{ source: faucet.toRawString(), destination: to.toRawString(), boc, due: seqno + 1 }])
    })
  }

  /** Runs a get-method of `account`, which is at `address`, as of `view`. */
  runGetMethod(view: ChainView, address: Address, account: AccountState, methodId: number, stack: TupleItem[]): Promise<MethodResult> {
    return this.#alone(() => this.#machine.runGetMethod(address, account, methodId, stack, view.utime))
  }

  /** What an external message would cost its receiver as of `view`. Throws {@link DevChainError} `rejected`. */
  estimate(
    view: ChainView,
    to: Address,
    body: Cell,
    init: { code: Cell; data: Cell } | undefined,
    ignoreSignatures: boolean,
  ): Promise<FeeEstimate> {
    return this.#alone(async () => {
      const transaction = await this.#tryOut(view, external({ to, body, ...(init ? { init } : {}) }), ignoreSignatures)
      const { description, totalFees } = loadTransaction(transaction.beginParse())
      if (description.type !== 'generic') throw new DevChainError('bad-request', 'not a message')
      const storage = description.storagePhase?.storageFeesCollected ?? 0n
      const gas = description.computePhase.type === 'vm' ? description.computePhase.gasFees : 0n
      const forward = description.actionPhase?.totalFwdFees ?? 0n
      const actions = description.actionPhase?.totalActionFees ?? 0n
      return { inForward: totalFees.coins - storage - gas - actions, storage, gas, forward }
    })
  }

  /** Lets `seconds` pass: blocks follow, and what was due in them happens, each at its own time. */
  advanceTime(seconds: number): Promise<ChainView> {
    return this.#alone(async () => this.#moveTo(this.#nowMs() + Math.round(seconds * 1000)))
  }

  /** Sets the time, in Unix seconds. Throws {@link DevChainError} `bad-request` for one that has passed. */
  setTime(utime: number): Promise<ChainView> {
    return this.#alone(async () => {
      const now = Math.floor(this.#nowMs() / 1000)
      if (utime < now) throw new DevChainError('bad-request', `time cannot go back: it is ${now} by now`)
      return this.#moveTo(Math.max(utime * 1000, this.#nowMs()))
    })
  }

  /** Stops the chain's clock where it is, or lets it run on from there. */
  setClock(mode: 'running' | 'frozen'): Promise<ChainView> {
    return this.#alone(async () => {
      await this.#viewNow()
      const nowMs = this.#nowMs()
      this.#save({ offsetMs: nowMs - this.#clock.now(), frozenAtMs: mode === 'frozen' ? nowMs : null })
      return this.#viewNow()
    })
  }

  /** Makes `count` blocks now, in no time. */
  mine(count: number): Promise<ChainView> {
    return this.#alone(async () => {
      const { seqno } = await this.#viewNow()
      const nowMs = this.#nowMs()
      await this.#reach(seqno + count, () => nowMs)
      if (this.#newest.seqno < seqno + count) await this.#make(seqno + count, nowMs, [])
      return this.#viewNow()
    })
  }

  /** From now on an empty block follows after each `intervalMs`; 0: only messages and {@link mine} make blocks. */
  setBlockInterval(intervalMs: number): Promise<ChainView> {
    return this.#alone(async () => {
      const { seqno } = await this.#viewNow()
      await this.#make(seqno + 1, this.#nowMs(), [], intervalMs)
      return this.#viewNow()
    })
  }

  /** How messages travel from now on; those under way keep their time. `seed` begins the random numbers anew. */
  setDelivery(delivery: Delivery, seed?: number): Promise<void> {
    return this.#alone(async () => {
      await this.#viewNow()
      if (seed !== undefined) this.#random.state = seed >>> 0
      this.#save({ delivery })
    })
  }

  /** Messages under way. */
  waiting(): Promise<Waiting[]> {
    return this.#alone(async () => {
      await this.#viewNow()
      return this.#store.waiting()
    })
  }

  /** Remembers the chain as it is, under `name`. */
  snapshot(name: string): Promise<Snapshot> {
    return this.#alone(async () => {
      const { seqno } = await this.#viewNow()
      const known = this.#store.snapshots()
      if (known.length >= mostSnapshots && !known.some(other => other.name === name))
        throw new DevChainError('bad-request', `no more than ${mostSnapshots} snapshots`)
      const snapshot = { name, seqno, timeMs: this.#nowMs() }
      this.#store.saveSettings(this.#allSettings())
      this.#store.saveSnapshot(snapshot)
      return snapshot
    })
  }

  snapshots(): Promise<Snapshot[]> {
    return this.#alone(async () => this.#store.snapshots())
  }

  /** Makes undone all that came after the snapshot, time included; the clock goes on as it did. Throws {@link DevChainError} `not-found`. */
  restore(name: string): Promise<ChainView> {
    return this.#alone(async () => {
      const snapshot = this.#store.snapshots().find(known => known.name === name)
      if (!snapshot) throw new DevChainError('not-found', `no snapshot is called ${name}`)
      this.#store.restore(snapshot)
      this.#newest = this.#store.newestBlock()
      const restored = this.#store.settings()
      this.#random.state = restored.random
      this.#save({
        delivery: restored.delivery,
        offsetMs: snapshot.timeMs - this.#clock.now(),
        frozenAtMs: this.#settings.frozenAtMs === null ? null : snapshot.timeMs,
      })
      return this.#viewNow()
    })
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

  // The chain's time: the clock's, and never earlier than the newest block.
  #nowMs(): number {
    const { offsetMs, frozenAtMs } = this.#settings
    return Math.max(frozenAtMs ?? Math.floor(this.#clock.now() + offsetMs), this.#newest.timeMs)
  }

  async #viewNow(): Promise<ChainView> {
    const { seqno, timeMs, intervalMs } = this.#newest
    const current = intervalMs === 0 ? seqno : seqno + Math.floor((this.#nowMs() - timeMs) / intervalMs)
    await this.#reach(current, at => timeMs + (at - seqno) * intervalMs)
    return new ChainView(this.#store, current)
  }

  /** Makes those of the blocks up to `last` in which something arrives. */
  async #reach(last: number, timeOf: (seqno: number) => number): Promise<void> {
    for (;;) {
      const due = this.#store.waiting().reduce((first, message) => Math.min(first, message.due), Number.POSITIVE_INFINITY)
      const seqno = Math.max(due, this.#newest.seqno + 1)
      if (seqno > last) return
      await this.#make(seqno, timeOf(seqno), [])
    }
  }

  async #make(seqno: number, timeMs: number, binding: readonly Waiting[], intervalMs = this.#newest.intervalMs): Promise<void> {
    const waiting = this.#store.waiting()
    const arriving = [...binding, ...waiting.filter(message => message.due <= seqno)]
    const made = await makeBlock(
      {
        machine: this.#machine,
        account: raw => this.#store.account(raw, seqno),
        previous: this.#newest,
        seqno,
        timeMs,
        intervalMs,
        delivery: this.#settings.delivery,
        random: this.#random,
        underWay: waiting.filter(message => message.due > seqno),
      },
      arriving,
      binding.length,
    )
    this.#store.write(made, this.#allSettings())
    this.#newest = made.block
  }

  async #tryOut(view: ChainView, message: Message, ignoreSignatures: boolean): Promise<Cell> {
    if (message.info.type !== 'external-in') throw new DevChainError('bad-request', 'only external messages can be sent')
    const cell = beginCell().store(storeMessage(message)).endCell()
    const moment = { utime: Math.floor(this.#nowMs() / 1000), lt: this.#newest.endLt + 1_000_000n }
    return (await this.#machine.run(view.shardAccount(message.info.dest), cell, moment, { ignoreSignatures })).transaction
  }

  #moveTo(nowMs: number): Promise<ChainView> {
    if (this.#settings.frozenAtMs !== null) this.#save({ frozenAtMs: nowMs })
    else this.#save({ offsetMs: nowMs - this.#clock.now() })
    return this.#viewNow()
  }

  #save(changed: Partial<Omit<Settings, 'random'>>): void {
    this.#settings = { ...this.#settings, ...changed }
    this.#store.saveSettings(this.#allSettings())
  }

  #allSettings(): Settings {
    return { ...this.#settings, random: this.#random.state }
  }
}

function bocOf(message: Message): string {
  return beginCell().store(storeMessage(message)).endCell().toBoc().toString('base64')
}
