/**
 * What the payer of a channel asks by a signed command: its keys, a new one, the end of one, and leave to close. Closing stops the
 * channel for good before anything else, so that the amount which is released can never be passed again.
 */
import type { KeyObject } from 'node:crypto'
import { Address } from '@ton/core'
import type { z } from 'zod'
import type { Ledger, ReleaseRecord } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { type CommandAction, signRelease, verifyCommand } from '../payment-channel/index.ts'
import { newApiKey, toKeyLimits, toWireLimits } from './api-keys.ts'
import { SettlementError } from './errors.ts'

export interface CommandDeskOptions {
  readonly ledger: Ledger
  /** The chain's global id. */
  readonly chainId: number
  readonly payeeKey: KeyObject
  readonly clock: Clock
  readonly hashApiKey: (key: string) => string
  /** What `new-key` takes for its argument. */
  readonly limits: z.ZodType<Parameters<typeof toKeyLimits>[0]>
  /** Brings what the channel has spent to the chain, as far as that is possible now. */
  readonly settle: (channel: string) => Promise<void>
  /** Keeps leave to close outside the ledger, before it is given. */
  readonly keepRelease: (channel: string, release: ReleaseRecord) => Promise<void>
  readonly logger: Logger
}

/** A command as it travels in JSON. */
export interface WireCommand {
  readonly channel: string
  readonly action: CommandAction
  readonly argument: string
  readonly at: number
  readonly signature: string
}

export class CommandDesk {
  readonly #options: CommandDeskOptions

  constructor(options: CommandDeskOptions) {
    this.#options = options
  }

  /** Does what the payer asks. Throws {@link SettlementError} `not-found` or `bad-request`; then nothing is changed. */
  async command(wire: WireCommand): Promise<object> {
    const channel = this.#verified(wire)
    switch (wire.action) {
      case 'keys':
        return this.#keys(channel)
      case 'new-key':
        return this.#newKey(channel, wire.argument)
      case 'revoke-key':
        return this.#revoke(channel, wire.argument)
      case 'close':
        return this.#close(channel)
    }
  }

  /** The name of a channel that is known here and whose payer has signed this command, just now. */
  #verified({ channel: text, action, argument, at, signature }: WireCommand): string {
    const { ledger, chainId, clock } = this.#options
    const channel = parseAddress(text)
    const payerKey = ledger.payerKey(channel.toString())
    if (!payerKey) throw new SettlementError('not-found', 'this channel is not known here', { param: 'channel' })
    try {
      const command = { chain: chainId, channel, action, argument, at }
      verifyCommand(payerKey, command, Buffer.from(signature, 'hex'), Math.floor(clock.now() / 1_000))
    } catch (cause) {
      throw new SettlementError('bad-request', messageOf(cause), { param: 'signature', cause })
    }
    return channel.toString()
  }

  #keys(channel: string): object {
    const { ledger } = this.#options
    return {
      authorised: ledger.account(channel)!.authorised.toString(),
      keys: ledger.keysOf(channel).map(({ id, createdAt, revokedAt, limits, spent }) => ({
        key_id: id,
        created_at: seconds(createdAt),
        revoked_at: revokedAt === undefined ? null : seconds(revokedAt),
        limits: toWireLimits(limits),
        spent: spent.toString(),
      })),
    }
  }

  async #newKey(channel: string, argument: string): Promise<object> {
    const { ledger } = this.#options
    if (ledger.account(channel)!.stopped)
      throw new SettlementError('bad-request', 'the channel was stopped for good: open another', { param: 'channel' })
    return newApiKey(this.#options, channel, toKeyLimits(this.#parseLimits(argument)))
  }

  #parseLimits(argument: string): Parameters<typeof toKeyLimits>[0] {
    if (argument === '') return undefined
    const parsed = this.#options.limits.safeParse(jsonOf(argument))
    if (parsed.success) return parsed.data
    const { path, message } = parsed.error.issues[0]!
    throw new SettlementError('bad-request', `limits${path.map(part => `.${String(part)}`).join('')}: ${message}`, { param: 'argument' })
  }

  async #revoke(channel: string, id: string): Promise<object> {
    const revoked = await this.#options.ledger.revokeKey(channel, id)
    if (!revoked) throw new SettlementError('not-found', 'the channel has no key of this id', { param: 'argument' })
    return { key_id: id, revoked_at: seconds(revoked.revokedAt!) }
  }

  /** Stopped first, durably; then what runs is waited for by asking again; then all that was spent is settled, and the Release names that amount. */
  async #close(channel: string): Promise<object> {
    const { ledger, chainId, payeeKey, settle, keepRelease, logger } = this.#options
    await ledger.stop(channel)
    const running = ledger.runningOn(channel)
    if (running > 0) return { running }
    await ledger.flushed()
    await settle(channel).catch(error => {
      // The Release says what has to be settled first, so that nothing is lost by giving it now.
      logger.warn({ channel, cause: messageOf(error) }, 'a channel that is released is not settled yet; it is tried again')
    })
    const minSettled = ledger.claimable(channel)!.spent
    const signature = signRelease(payeeKey, { chain: chainId, channel: Address.parse(channel), minSettled })
    const release = await ledger.noteRelease(channel, { minSettled, signature })
    await keepRelease(channel, release)
    return { channel, min_settled: release.minSettled.toString(), signature: Buffer.from(release.signature).toString('hex') }
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SettlementError('bad-request', 'the limits of a key are JSON', { param: 'argument' })
  }
}

function parseAddress(text: string): Address {
  try {
    return Address.parse(text)
  } catch (cause) {
    throw new SettlementError('bad-request', 'not a TON address', { param: 'channel', cause })
  }
}
