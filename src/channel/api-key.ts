/** An API key of the channel, for what only its owner may read. */
import { messageOf } from '../lib/coded-error.ts'
import { readSecretFile } from '../payment-channel/index.ts'
import { ChannelCommandError } from './errors.ts'

export const apiKeyVariable = 'CHRYSALIS_API_KEY'

/** From the file, or else from the environment; undefined where there is neither. Throws {@link ChannelCommandError} `key`. */
export async function apiKeyFrom(file: string | undefined, env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  if (file === undefined) return env[apiKeyVariable]
  try {
    return (await readSecretFile(file)).trim()
  } catch (cause) {
    throw new ChannelCommandError('key', messageOf(cause), { cause })
  }
}
