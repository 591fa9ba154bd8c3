/** The forms of what stands on the command line and in batch lines: each reader returns the value, or throws an error that says what to write instead. */
import { ConfigError } from '../config.ts'
import { fromHex } from '../lib/bytes.ts'

/** RFC 3339 `date-time` (section 5.6), with its offset: a local time means something else on every machine. */
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** A moment in milliseconds since the epoch. Throws {@link ConfigError}. */
export function parseTime(text: string, name: string): number {
  const [, year, month, day] = rfc3339.exec(text) ?? []
  const exists = year !== undefined && new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day)
  const at = exists && Number(month) >= 1 && Number(month) <= 12 ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new ConfigError('invalid', `${name} must be a date and time such as 2026-06-01T12:00:00Z, not ${short(text)}`)
  return at
}

/** A nonce of 32 bytes in hex. Throws {@link ConfigError}. */
export function parseNonce(text: string): Buffer {
  try {
    return fromHex(text.toLowerCase(), 32)
  } catch (cause) {
    const advice = 'the one that the evidence was asked for with, for example of "openssl rand -hex 32"'
    throw new ConfigError('invalid', `--nonce must be 32 bytes in 64 hex digits: ${advice}`, { cause })
  }
}

/** An http or https URL, without a user or password, which would travel to whoever reads the log. Throws {@link ConfigError}. */
export function parseUrl(text: string, name: string): URL {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) throw new ConfigError('invalid', `${name} must be an http or https URL, not ${short(text)}`)
  if (url.username || url.password) throw new ConfigError('invalid', `${name} must not hold a user name or password`)
  return url
}

function short(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
