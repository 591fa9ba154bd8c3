/**
 * What a payer asks of the payee about a channel, beside money: keys, revocation, a close. Signed with the payer key, over
 *
 *     "chrysalis channel command v1" LF action LF chain LF channel LF argument LF at
 *
 * with the channel in raw form (`0:` and hex), the chain's global id in decimal, `at` in Unix seconds. It is longer than the
 * 32 bytes of a cell's hash, so no command is ever good as an authorization, nor the other way round.
 */
import { type KeyObject, sign, verify } from 'node:crypto'
import { utf8 } from '../lib/bytes.ts'
import { ed25519PublicKey } from '../lib/ed25519.ts'
import { ChannelError } from './errors.ts'
import type { ChannelReference } from './messages.ts'

/** `keys` lists API keys, `new-key` makes one, `revoke-key` ends one, `close` asks for a {@link Release}. */
export const commandActions = ['keys', 'new-key', 'revoke-key', 'close'] as const
export type CommandAction = (typeof commandActions)[number]

export interface ChannelCommand extends ChannelReference {
  readonly action: CommandAction
  /** One line: a key's id, or JSON of a key's limits, or nothing. */
  readonly argument: string
  /** Unix seconds. */
  readonly at: number
}

/** How far a command's time may be from the clock of whoever is asked, in seconds. */
export const commandTolerance = 300

/** Signs with the payer's private key: 64 bytes. Throws {@link ChannelError} `bad-value` for an argument of several lines. */
export function signCommand(payerKey: KeyObject, command: ChannelCommand): Buffer {
  return sign(null, commandBytes(command), payerKey)
}

/**
 * Verifies a command at `now` (Unix seconds). `payerKey` is raw, 32 bytes. Throws {@link ChannelError} `bad-signature`, also for
 * one that is not of about now: what it asks for may have been overtaken.
 */
export function verifyCommand(payerKey: Uint8Array, command: ChannelCommand, signature: Uint8Array, now: number): void {
  if (!(Math.abs(now - command.at) <= commandTolerance))
    throw new ChannelError('bad-signature', `the command was signed more than ${commandTolerance} s away from now: look at your clock`)
  const good =
    payerKey.length === 32 && signature.length === 64 && verify(null, commandBytes(command), ed25519PublicKey(payerKey), signature)
  if (!good) throw new ChannelError('bad-signature', 'the signature of the command does not match')
}

function commandBytes({ action, chain, channel, argument, at }: ChannelCommand): Uint8Array {
  if (argument.includes('\n')) throw new ChannelError('bad-value', 'the argument of a command is one line')
  return utf8(['chrysalis channel command v1', action, chain, channel.toRawString(), argument, at].join('\n'))
}
