/** A chain with a channel on it, for the tests of the contract: messages in, what the channel did out. */
import { type Address, beginCell, type Cell, contractAddress } from '@ton/core'
import { Blockchain, internal, type SmartContractTransaction } from '@ton/sandbox'
import { expect } from 'vitest'
import { sha256, toHex, utf8 } from '../../src/lib/bytes.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import {
  type ChannelEvent,
  type ChannelIdentity,
  type ChannelState,
  channelAddress,
  channelCode,
  channelInit,
  decodeStorage,
  depositBody,
  keyPairOf,
  parseChannelEvent,
  settleBody,
  signAuthorization,
  signClaim,
  startCloseBody,
  type Terms,
} from '../../src/payment-channel/index.ts'
import { testAddress } from '../support/ton.ts'
import { mainnetPrices, testChain } from '../support/ton-config.ts'

export const payer = testAddress('payer')
export const payee = testAddress('payee')
export const stranger = testAddress('stranger')
export const payerKey = keyPairOf(sha256(utf8('payer key')))
export const payeeKey = keyPairOf(sha256(utf8('payee key')))
export const root = sha256(utf8('statement'))

/** When every lab begins, Unix seconds. */
export const start = 1_800_000_000
export const period = 3_600
export const openUntil = start + 86_400

/** `amount` TON in nanoTON. */
export const ton = (amount: number) => nanoton(BigInt(Math.round(amount * 1e9)))

export interface Sent {
  /** As `Address.toString` writes it. */
  readonly to: string
  readonly value: bigint
  readonly bounced: boolean
  readonly bounce: boolean
  readonly event: ChannelEvent | undefined
}

/** What one message did to the channel. */
export interface Effect {
  readonly exitCode: number
  readonly actionCode: number | undefined
  readonly gas: number
  /** All that the transaction cost whoever paid for it: gas, rent, forwarding. */
  readonly fees: bigint
  /** The part of `fees` that is rent for the time since the last message: due whatever the message is. */
  readonly rent: bigint
  readonly out: readonly Sent[]
}

export interface MessageOptions {
  readonly from?: Address
  readonly value?: bigint
  readonly bounced?: boolean
  /** Coins of other currencies than TON, by their ids. */
  readonly others?: [number, bigint][]
}

let sharedChain: Promise<Blockchain> | undefined
let channels = 0n

/** One channel. All labs of a file share a chain; each has its own time. */
export class Lab {
  readonly identity: ChannelIdentity
  readonly address: Address
  readonly init: { readonly code: Cell; readonly data: Cell }
  readonly chain: Blockchain
  now = start

  private constructor(chain: Blockchain, identity: ChannelIdentity, init: { code: Cell; data: Cell }, address: Address) {
    this.chain = chain
    this.identity = identity
    this.init = init
    this.address = address
  }

  static async create(terms: Partial<Terms> = {}): Promise<Lab> {
    const identity: ChannelIdentity = {
      terms: { payer, payee, challengePeriod: period, openUntil, salt: channels++, ...terms },
      payerKey: payerKey.publicKey,
      payeeKey: payeeKey.publicKey,
    }
    const address = channelAddress(identity.terms, identity.payerKey, identity.payeeKey)
    return new Lab(await Lab.#chain(), identity, channelInit(identity), address)
  }

  /** A channel with terms that our codec refuses to write. */
  static async withTerms(terms: Cell): Promise<Lab> {
    const { identity, init, chain } = await Lab.create()
    const data = beginCell().storeSlice(withoutTerms(init.data)).storeRef(terms).endCell()
    return new Lab(chain, identity, { code: channelCode, data }, contractAddress(0, { code: channelCode, data }))
  }

  static #chain(): Promise<Blockchain> {
    sharedChain ??= Blockchain.create({ config: mainnetPrices() })
    return sharedChain
  }

  /** An open channel, with exactly `deposit` credited. */
  static async open(deposit = ton(3), terms: Partial<Terms> = {}): Promise<Lab> {
    const lab = await Lab.create(terms)
    expect(await lab.send(depositBody(), { value: deposit + ton(0.01) })).toMatchObject({ exitCode: 0, actionCode: 0 })
    return lab
  }

  static async closing(deposit = ton(3)): Promise<Lab> {
    const lab = await Lab.open(deposit)
    expect(await lab.send(startCloseBody(), { from: payer })).toMatchObject({ exitCode: 0 })
    return lab
  }

  /** Sends `body` to the channel, with its code and data where it is not deployed. */
  async send(body: Cell, { from = stranger, value = ton(0.05), bounced = false, others = [] }: MessageOptions = {}): Promise<Effect> {
    const before = await this.balance()
    const deployed = (await this.#account()).type === 'active'
    const message = internal({
      from,
      to: this.address,
      value,
      body,
      bounce: !bounced,
      bounced,
      ec: others,
      ...(deployed ? {} : { stateInit: this.init }),
    })
    // The channel alone: what it sends is looked at, not delivered.
    const transaction = await (await this.chain.getContract(this.address)).receiveMessage(message, { now: this.now })
    const out = sentBy(transaction)
    return {
      ...phasesOf(transaction),
      out,
      fees: value + before - (await this.balance()) - out.reduce((sum, sent) => sum + sent.value, 0n),
    }
  }

  /** Coins without code and data, as a wallet sends them to an address it only knows as an address. */
  async transfer(value: bigint): Promise<void> {
    const message = internal({ from: stranger, to: this.address, value, bounce: false })
    await (await this.chain.getContract(this.address)).receiveMessage(message, { now: this.now })
  }

  /** Coins that no message of ours brought: a bounced message keeps its value here and does nothing. */
  async transferToDeployed(value: bigint): Promise<void> {
    await this.send(beginCell().endCell(), { value, bounced: true })
  }

  async balance(): Promise<bigint> {
    return (await this.chain.getContract(this.address)).balance
  }

  /** Coins of other currencies than TON that lie here. */
  async others(): Promise<Readonly<Record<number, bigint>>> {
    return (await this.chain.getContract(this.address)).ec
  }

  async state(): Promise<ChannelState | undefined> {
    const account = await this.#account()
    return account.type === 'active' && account.state.data ? decodeStorage(account.state.data) : undefined
  }

  /** All that a refused message must leave alone. */
  async fingerprint(): Promise<{ data: string; balance: bigint }> {
    const account = await this.#account()
    const data = (account.type === 'active' && account.state.data) || this.init.data
    return { data: toHex(data.hash()), balance: await this.balance() }
  }

  async #account() {
    const contract = await this.chain.getContract(this.address)
    return contract.accountState ?? { type: 'uninit' as const }
  }

  get reference() {
    return { chain: testChain, channel: this.address }
  }

  /** A signed settlement of `amount` under `ceiling`. */
  settlement(amount: number, ceiling = amount): Cell {
    const { reference } = this
    const authorization = {
      ceiling: ton(ceiling),
      signature: signAuthorization(payerKey.privateKey, { ...reference, ceiling: ton(ceiling) }),
    }
    const claim = { amount: ton(amount), root, signature: signClaim(payeeKey.privateKey, { ...reference, amount: ton(amount), root }) }
    return settleBody({ ...reference, authorization, claim })
  }

  /** Checks that a message is refused with `exitCode`, that nothing changed, and that its value went back. */
  async refuses(exitCode: number, body: Cell, options: MessageOptions = {}): Promise<void> {
    const { from = stranger, value = ton(0.05) } = options
    const before = await this.fingerprint()
    const effect = await this.send(body, options)
    expect(effect).toMatchObject({ exitCode, out: [{ to: String(from), bounced: true }] })
    expect(effect.out[0]!.value).toBe(value - (effect.fees - effect.rent))
    expect(await this.fingerprint()).toEqual({ ...before, balance: before.balance - effect.rent })
  }
}

function withoutTerms(data: Cell) {
  const slice = data.beginParse()
  return beginCell().storeBits(slice.loadBits(slice.remainingBits)).endCell().beginParse()
}

function phasesOf({ description }: SmartContractTransaction): Pick<Effect, 'exitCode' | 'actionCode' | 'gas' | 'rent'> {
  if (description.type !== 'generic' || description.computePhase.type !== 'vm') throw new Error('the channel did not compute')
  const { exitCode, gasUsed } = description.computePhase
  return {
    exitCode,
    gas: Number(gasUsed),
    actionCode: description.actionPhase?.resultCode,
    rent: description.storagePhase?.storageFeesCollected ?? 0n,
  }
}

function sentBy({ outMessages }: SmartContractTransaction): Sent[] {
  return outMessages.values().map(({ info, body }) => {
    if (info.type !== 'internal') throw new Error('the channel sends internal messages only')
    return { to: info.dest.toString(), value: info.value.coins, bounced: info.bounced, bounce: info.bounce, event: parseChannelEvent(body) }
  })
}

/** A settle message out of parts that need not fit together. */
export function rawSettle(parts: { auth: Cell; authSig: Buffer; claim: Cell; claimSig: Buffer }): Cell {
  const rest = beginCell().storeBuffer(parts.claimSig).storeRef(parts.claim).endCell()
  return beginCell().storeUint(0x53544c31, 32).storeUint(0, 64).storeBuffer(parts.authSig).storeRef(parts.auth).storeRef(rest).endCell()
}
