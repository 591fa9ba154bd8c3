/**
 * The keys of a payer. The *payer key* signs authorizations and commands; the *wallet* sends coins and, being the channel's payer
 * address, may start a close. Each comes from a file of mode 0600 or from the environment, never from the command line, where
 * every process could read it.
 */
import { mnemonicToPrivateKey, mnemonicValidate } from '@ton/crypto'
import { messageOf } from '../lib/coded-error.ts'
import { type KeyPair, keyPairOf, loadKey, loadOrCreateKey, readSecretFile } from '../payment-channel/index.ts'
import { ChannelCommandError } from './errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

export const payerKeyVariable = 'CHRYSALIS_PAYER_KEY'
/** Where the payer key is, unless somebody says otherwise. */
export const usualKeyFile = 'payer.key'
export const walletKeyVariable = 'CHRYSALIS_WALLET_KEY'

/** Which key is wanted: the file that was named, or else the variable, or else a file by its usual name. */
export interface KeySource {
  readonly file: string | undefined
  readonly env: Environment
}

/** The payer key, made in its file where `make` is set and nothing is there. Throws {@link ChannelCommandError} `key`. */
export async function payerKey({ file, env }: KeySource, { make }: { make: boolean }): Promise<KeyPair> {
  const fromEnv = env[payerKeyVariable]
  if (file === undefined && fromEnv !== undefined) return seedIn(payerKeyVariable, fromEnv)
  const name = file ?? usualKeyFile
  return guarded(() => (make ? loadOrCreateKey(name) : loadKey(name)))
}

/** The key of the payer's wallet: a seed, or the 24 words that wallets show; undefined where none is named. Throws {@link ChannelCommandError} `key`. */
export async function walletKey({ file, env }: KeySource): Promise<KeyPair | undefined> {
  const text = file === undefined ? env[walletKeyVariable] : await guarded(() => readSecretFile(file))
  if (text === undefined) return undefined
  const words = text.trim().toLowerCase().split(/\s+/)
  if (words.length === 1) return seedIn(file ?? walletKeyVariable, text.replace(/\r?\n$/, ''))
  if (words.length !== 24 || !(await mnemonicValidate(words)))
    throw new ChannelCommandError('key', `${file ?? walletKeyVariable} holds neither a seed in hex nor the 24 words of a TON wallet`)
  return keyPairOf((await mnemonicToPrivateKey(words)).secretKey.subarray(0, 32))
}

/** The key of a seed; the message repeats nothing of it. */
function seedIn(where: string, text: string): KeyPair {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new ChannelCommandError('key', `${where} does not hold the 64 lowercase hex digits of a seed`)
  return keyPairOf(Buffer.from(text, 'hex'))
}

async function guarded<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new ChannelCommandError('key', messageOf(cause), { cause })
  }
}
