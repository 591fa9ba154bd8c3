import { readFileSync } from 'node:fs'
import { ConfigError } from '../config.ts'
import { messageOf } from '../lib/coded-error.ts'

/** The secret in a file that the config member `member` names. Throws {@link ConfigError} where it cannot be read or is shorter than 16 characters. */
export function secret(file: string, member: string): string {
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (text.length >= 16) return text
  } catch (cause) {
    throw new ConfigError('invalid', `${member}: cannot read ${file}: ${messageOf(cause)}`, { cause })
  }
  throw new ConfigError('invalid', `${member}: ${file} must hold at least 16 characters`)
}
