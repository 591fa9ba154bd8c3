/**
 * Accepting a channel. The proxy proposes terms and stores nothing; the payer derives the address itself, funds it, and
 * brings the terms back with a signed ceiling. Everything is then derived and read again: the address from code, terms
 * and keys, the deposit from the chain, the signature over our own encoding.
 */
import { randomBytes } from 'node:crypto'
import { Address } from '@ton/core'
import type { Ledger } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { type Nanoton, parseNanoton } from '../lib/nanoton.ts'
import {
  ChannelError,
  type ChannelState,
  channelAddress,
  channelStatus,
  refuseTorsion,
  type Terms,
  verifyAuthorization,
} from '../payment-channel/index.ts'
import { newApiKey, toKeyLimits, type WireLimits } from './api-keys.ts'
import { SettlementError } from './errors.ts'
import type { OpeningPort } from './ports.ts'

export interface DeskOptions {
  readonly ledger: Ledger
  readonly chain: OpeningPort
  /** The chain's global id. */
  readonly chainId: number
  /** Where settled amounts go, and the raw public key that claims are signed with. */
  readonly payee: Address
  readonly payeeKey: Uint8Array
  readonly challengePeriodSeconds: number
  readonly openWithinSeconds: number
  readonly minimumDeposit: Nanoton
  readonly clock: Clock
  /** Digest under which an API key is stored. */
  readonly hashApiKey: (key: string) => string
  /** Opening a channel costs this proxy 0.01 TON and a fee: so many in an hour at most. */
  readonly opensPerHour: number
}

/** Terms as they travel in JSON. */
export interface WireTerms {
  readonly payer: string
  readonly payee: string
  readonly challenge_period: number
  readonly open_until: number
  readonly salt: string
}

export interface Proposal {
  readonly terms: WireTerms
  readonly payer_key: string
  readonly payee_key: string
  readonly address: string
  readonly chain: number
  readonly minimum_deposit: string
}

/** How far the opening of a channel is. */
export interface Opening {
  readonly channel: string
  readonly status: 'waiting' | 'deploying' | 'open'
  readonly balance: string
  readonly minimum_deposit: string
}

const hourMs = 3_600_000

export class Desk {
  readonly #options: DeskOptions
  /** Channels that are being opened now, and when any was opened lately. */
  readonly #opening = new Map<string, Promise<void>>()
  #opened: number[] = []

  constructor(options: DeskOptions) {
    this.#options = options
  }

  /** Terms for a new channel. Throws {@link SettlementError} `bad-request`. */
  propose(request: { payer: string; payer_key: string }): Proposal {
    const { payee, payeeKey, clock, openWithinSeconds, challengePeriodSeconds, chainId, minimumDeposit } = this.#options
    const terms: Terms = {
      payer: parseAddress(request.payer, 'payer'),
      payee,
      challengePeriod: challengePeriodSeconds,
      openUntil: Math.floor(clock.now() / 1000) + openWithinSeconds,
      salt: randomBytes(8).readBigUInt64BE(),
    }
    const payerKey = parsePayerKey(request.payer_key)
    return {
      terms: toWire(terms),
      payer_key: request.payer_key,
      payee_key: Buffer.from(payeeKey).toString('hex'),
      address: derive(terms, payerKey, payeeKey).toString(),
      chain: chainId,
      minimum_deposit: minimumDeposit.toString(),
    }
  }

  /**
   * Opens the channel that these terms lead to, once its address holds the minimum deposit: with 0.01 TON of this proxy's, which the contract keeps
   * back and the payer gets in the end. Nothing is sent twice while one opening is under way. Throws {@link SettlementError}.
   */
  async deploy(request: { terms: WireTerms; payer_key: string }): Promise<Opening> {
    const { chain, clock, minimumDeposit, payeeKey } = this.#options
    const terms = this.#acceptTerms(request.terms)
    const payerKey = parsePayerKey(request.payer_key)
    const address = derive(terms, payerKey, payeeKey)
    const channel = address.toString()
    const { balance, state } = await this.#ask(() => chain.readAccount(channel))
    const answer = (status: Opening['status']): Opening => ({
      ...{ channel, status, balance: balance.toString(), minimum_deposit: minimumDeposit.toString() },
    })
    if (state?.status === channelStatus.open) return answer('open')
    if (state) throw new SettlementError('bad-request', 'this channel was closed: ask for other terms', { param: 'terms' })
    if (this.#opening.has(channel)) return answer('deploying')
    if (clock.now() / 1000 > terms.openUntil)
      throw new SettlementError('bad-request', 'the time to open this channel is over: coins on it come back by a finish_close', {
        param: 'terms',
      })
    if (balance < minimumDeposit) return answer('waiting')
    this.#countOpening()
    const opening = this.#ask(() => chain.open({ terms, payerKey, payeeKey }))
    this.#opening.set(channel, opening)
    // What the wallet could not send now is tried again when the payer asks again.
    void opening.catch(() => {}).then(() => this.#opening.delete(channel))
    return answer('deploying')
  }

  #countOpening(): void {
    const { clock, opensPerHour } = this.#options
    this.#opened = this.#opened.filter(at => at > clock.now() - hourMs)
    if (this.#opened.length >= opensPerHour)
      throw new SettlementError(
        'busy',
        'too many channels were opened in the last hour: come again, or open it from a wallet that can bring code',
      )
    this.#opened.push(clock.now())
  }

  async #ask<Result>(question: () => Promise<Result>): Promise<Result> {
    try {
      return await question()
    } catch (cause) {
      throw new SettlementError('chain-unavailable', 'the chain cannot be asked about this channel now', { cause })
    }
  }

  /**
   * A new API key on the channel these terms lead to, for a ceiling above all that were signed before. Channel, authorization
   * and key are durable when it returns. Throws {@link SettlementError}.
   */
  async createKey(request: {
    terms: WireTerms
    payer_key: string
    ceiling: string
    signature: string
    limits?: WireLimits | undefined
  }): Promise<{ api_key: string; key_id: string; channel: string }> {
    const { ledger, chainId, payeeKey } = this.#options
    const terms = this.#acceptTerms(request.terms)
    const payerKey = parsePayerKey(request.payer_key)
    const address = derive(terms, payerKey, payeeKey)
    const ceiling = parseCeiling(request.ceiling)
    const signature = Buffer.from(request.signature, 'hex')
    this.#verify(payerKey, { chain: chainId, channel: address, ceiling }, signature)

    const channel = address.toString()
    this.#refuseOld(channel, ceiling)
    const state = await this.#readFunded(channel)
    const payeeKeyId = Buffer.from(payeeKey).toString('hex')
    await ledger.openChannel({ address: channel, terms: JSON.stringify(request.terms), payerKey: Buffer.from(payerKey), payeeKeyId })
    ledger.noteChain(channel, { status: state.status, deposited: state.deposited, settled: state.settled })
    await ledger.authorise(channel, { ceiling, signature })
    return newApiKey(this.#options, channel, toKeyLimits(request.limits))
  }

  /** Only terms that this proxy would have proposed itself. */
  #acceptTerms(wire: WireTerms): Terms {
    const { payee, clock, challengePeriodSeconds, openWithinSeconds } = this.#options
    if (!parseAddress(wire.payee, 'terms.payee').equals(payee))
      throw new SettlementError('bad-request', 'the payee is not this proxy', { param: 'terms.payee' })
    if (wire.challenge_period < challengePeriodSeconds)
      throw new SettlementError('bad-request', `the challenge period must be at least ${challengePeriodSeconds} seconds`, {
        param: 'terms.challenge_period',
      })
    if (wire.open_until > Math.floor(clock.now() / 1000) + openWithinSeconds)
      throw new SettlementError('bad-request', 'open_until is too far away', { param: 'terms.open_until' })
    return {
      payer: parseAddress(wire.payer, 'terms.payer'),
      payee,
      challengePeriod: wire.challenge_period,
      openUntil: wire.open_until,
      salt: parseSalt(wire.salt),
    }
  }

  #verify(payerKey: Uint8Array, authorization: { chain: number; channel: Address; ceiling: Nanoton }, signature: Buffer): void {
    try {
      verifyAuthorization(payerKey, authorization, signature)
    } catch (cause) {
      throw new SettlementError('bad-request', `the authorization is not valid: ${messageOf(cause)}`, { param: 'signature', cause })
    }
  }

  /** Every settlement publishes an authorization, and the terms beside it: one that is not newer than all known may come from anybody. */
  #refuseOld(channel: string, ceiling: Nanoton): void {
    const known = this.#options.ledger.account(channel)
    if (known?.stopped)
      throw new SettlementError('bad-request', 'the channel was stopped for good by its payer: open another', { param: 'terms' })
    if (known && ceiling <= known.authorised)
      throw new SettlementError('bad-request', `the ceiling must be above ${known.authorised} nanoTON, which were signed for already`, {
        param: 'ceiling',
      })
  }

  async #readFunded(channel: string): Promise<ChannelState> {
    const { ledger, chain, minimumDeposit } = this.#options
    const { state } = await this.#ask(() => chain.readAccount(channel))
    if (state?.status !== channelStatus.open) throw new SettlementError('not-funded', 'the channel is not open on the chain')
    if (state.deposited < minimumDeposit)
      throw new SettlementError('not-funded', `the channel holds less than the minimum of ${minimumDeposit} nanoTON`)
    // Then the ledger was lost, and with it which of the published authorizations is the newest.
    if (state.settled > 0n && !ledger.account(channel))
      throw new SettlementError('bad-request', 'the channel was charged before, but is not known here: close it and open another', {
        param: 'terms',
      })
    return state
  }
}

function toWire(terms: Terms): WireTerms {
  return {
    payer: terms.payer.toString(),
    payee: terms.payee.toString(),
    challenge_period: terms.challengePeriod,
    open_until: terms.openUntil,
    salt: terms.salt.toString(),
  }
}

function parseAddress(text: string, param: string): Address {
  try {
    return Address.parse(text)
  } catch (cause) {
    throw new SettlementError('bad-request', 'not a TON address', { param, cause })
  }
}

function parseCeiling(text: string): Nanoton {
  try {
    return parseNanoton(text)
  } catch (cause) {
    throw new SettlementError('bad-request', 'not an amount of nanoTON', { param: 'ceiling', cause })
  }
}

function parseSalt(text: string): bigint {
  try {
    return BigInt(text)
  } catch (cause) {
    throw new SettlementError('bad-request', 'not a number', { param: 'terms.salt', cause })
  }
}

function parsePayerKey(hex: string): Buffer {
  const key = Buffer.from(hex, 'hex')
  try {
    refuseTorsion(key)
  } catch (cause) {
    throw new SettlementError('bad-request', messageOf(cause), { param: 'payer_key', cause })
  }
  return key
}

function derive(terms: Terms, payerKey: Uint8Array, payeeKey: Uint8Array): Address {
  try {
    return channelAddress(terms, payerKey, payeeKey)
  } catch (cause) {
    if (cause instanceof ChannelError) throw new SettlementError('bad-request', cause.message, { param: 'terms', cause })
    throw cause
  }
}
