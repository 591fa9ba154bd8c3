/**
 * The operator's wallet: wallet v5r1, one external message for up to 255 transfers. A message names the wallet's seqno and an
 * expiry, so sending it again is harmless, and once it has expired unseen it can never be included.
 */
import { sign } from 'node:crypto'
import { type Address, beginCell, Cell, external, internal, SendMode, storeMessage } from '@ton/core'
import { WalletContractV5R1 } from '@ton/ton'
import type { Clock } from '../lib/clock.ts'
import { type Nanoton, nanoton } from '../lib/nanoton.ts'
import { type ChainClient, getAccount, poll, sendBoc } from './chain.ts'
import { ChannelError } from './errors.ts'
import type { KeyPair } from './keys.ts'

/** One transfer out of the wallet. */
export interface Transfer {
  readonly to: Address
  readonly value: Nanoton
  readonly body?: Cell
  /** Deploys the receiver with this code and data. */
  readonly init?: { readonly code: Cell; readonly data: Cell }
  /** Whether a refused transfer comes back. Default: yes. */
  readonly bounce?: boolean
}

export interface WalletOptions {
  readonly client: ChainClient
  readonly key: KeyPair
  /** The chain's global id (-239 mainnet, -3 testnet): part of the wallet's id, so that no chain takes another's messages. */
  readonly globalId: number
  readonly clock: Clock
  /** Between two looks at the chain. Default 1,000. */
  readonly intervalMs?: number
  /** How long a message stays good. Default 60,000. */
  readonly lifetimeMs?: number
}

interface Pending {
  readonly seqno: number
  /** Unix seconds. */
  readonly validUntil: number
  readonly boc: Buffer
}

/** The most transfers that one message of this wallet holds. */
export const mostTransfers = 255

// What a message of our own costs at most, per transfer; several times today's fees, so that validators may raise them.
const feeMargin = 10_000_000n

/** A wallet v5r1 behind one key. Use one instance per key: sends queue up in it, each waits for the one before. */
export class Wallet {
  readonly address: Address
  readonly #contract: WalletContractV5R1
  readonly #options: Required<WalletOptions>
  #queue: Promise<unknown> = Promise.resolve()
  #pending: Pending | undefined

  constructor(options: WalletOptions) {
    this.#options = { intervalMs: 1_000, lifetimeMs: 60_000, ...options }
    this.#contract = WalletContractV5R1.create({
      publicKey: options.key.publicKey,
      walletId: { networkGlobalId: options.globalId, context: { walletVersion: 'v5r1', workchain: 0, subwalletNumber: 0 } },
    })
    this.address = this.#contract.address
  }

  /** Coins on the wallet. Throws {@link ChannelError} `chain-failed`. */
  async balance(): Promise<Nanoton> {
    return (await this.#look()).balance
  }

  /**
   * Sends all `transfers` in one message and waits until the chain took it; the transfers themselves arrive later.
   * Throws {@link ChannelError}: `wallet-empty`; `not-sent` (it expired: nothing was sent, retry); `timed-out` or `chain-failed`
   * (its fate is unknown: look at what it was for; the next send waits until it is known).
   */
  send(transfers: readonly Transfer[]): Promise<void> {
    if (transfers.length === 0 || transfers.length > mostTransfers) throw new RangeError(`1 to ${mostTransfers} transfers in a message`)
    const sent = this.#queue.then(() => this.#sendNow(transfers))
    this.#queue = sent.catch(() => {})
    return sent
  }

  async #sendNow(transfers: readonly Transfer[]): Promise<void> {
    if (this.#pending)
      await this.#deliver(this.#pending).catch(error => {
        if (!(error instanceof ChannelError) || error.code !== 'not-sent') throw error
      })
    const { seqno, balance, active, seenAt } = await this.#look()
    const needed = transfers.reduce((sum, { value }) => sum + value + feeMargin, 0n)
    if (needed > balance) throw new ChannelError('wallet-empty', `the wallet ${this.address} holds ${balance} nanoTON and needs ${needed}`)
    // The later of both clocks: ours may be slow, and the endpoint may lag.
    const now = Math.max(Math.floor(this.#options.clock.now() / 1000), seenAt)
    const validUntil = now + Math.ceil(this.#options.lifetimeMs / 1000)
    this.#pending = { seqno, validUntil, boc: await this.#sign(transfers, seqno, validUntil, active) }
    await this.#deliver(this.#pending)
  }

  async #sign(transfers: readonly Transfer[], seqno: number, timeout: number, active: boolean): Promise<Buffer> {
    const body = await this.#contract.createTransfer({
      seqno,
      timeout,
      signer: async (cell: Cell) => sign(null, cell.hash(), this.#options.key.privateKey),
      sendMode: SendMode.PAY_GAS_SEPARATELY | SendMode.IGNORE_ERRORS,
      messages: transfers.map(({ to, value, body: inner, init, bounce = true }) =>
        internal({ to, value, bounce, ...(inner && { body: inner }), ...(init && { init: { code: init.code, data: init.data } }) }),
      ),
    })
    const message = external({ to: this.address, body, ...(active ? {} : { init: this.#contract.init }) })
    return beginCell().store(storeMessage(message)).endCell().toBoc()
  }

  /** Hands the message in until its seqno is used up or its time is over. */
  async #deliver(pending: Pending): Promise<void> {
    const { clock, intervalMs, lifetimeMs, client } = this.#options
    let refusal: string | undefined
    const fate = await poll({ clock, intervalMs, timeoutMs: 2 * lifetimeMs }, async () => {
      // Each time again: an endpoint may take a message and lose it.
      await sendBoc(client, pending.boc).catch(error => {
        refusal = String(error.message)
      })
      const { seqno, seenAt } = await this.#look()
      if (seqno > pending.seqno) return 'sent'
      return seenAt > pending.validUntil ? 'expired' : undefined
    })
    if (fate === undefined) throw new ChannelError('timed-out', `the chain did not say what became of a message of ${this.address}`)
    this.#pending = undefined
    if (fate === 'expired')
      throw new ChannelError('not-sent', `a message of ${this.address} was not included in time${refusal ? ` (${refusal})` : ''}`)
  }

  async #look(): Promise<{ seqno: number; balance: Nanoton; active: boolean; seenAt: number }> {
    const account = await getAccount(this.#options.client, this.address)
    const data = account.state === 'active' ? account.data : null
    return { seqno: data ? seqnoOf(data) : 0, balance: nanoton(account.balance), active: data !== null, seenAt: account.timestampt }
  }
}

// wallet v5r1 storage: is_signature_allowed:Bool seqno:uint32 wallet_id:int32 public_key:uint256 extensions:HashmapE
function seqnoOf(data: Uint8Array): number {
  try {
    return Cell.fromBoc(Buffer.from(data))[0]!.beginParse().skip(1).loadUint(32)
  } catch {
    throw new ChannelError('chain-failed', "the endpoint shows a wallet without a wallet's data")
  }
}
