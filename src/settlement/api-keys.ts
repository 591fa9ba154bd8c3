/** API keys as a payer asks for them: their limits on the wire, and the making of one. */
import { randomBytes } from 'node:crypto'
import { type KeyLimits, keyId, type Ledger } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import { parseNanoton } from '../lib/nanoton.ts'
import { SettlementError } from './errors.ts'

/** Limits as they travel in JSON. */
export interface WireLimits {
  readonly spend?: string | undefined
  readonly per_day?: string | undefined
  readonly models?: readonly string[] | undefined
  readonly expires_at?: number | undefined
}

/** Undefined where nothing is bounded. Throws {@link SettlementError} `bad-request` for an amount that is none. */
export function toKeyLimits(wire: WireLimits | undefined): KeyLimits | undefined {
  const { spend, per_day: perDay, models, expires_at: expiresAt } = wire ?? {}
  if (spend === undefined && perDay === undefined && models === undefined && expiresAt === undefined) return undefined
  return {
    ...(spend === undefined ? {} : { spend: amount(spend, 'limits.spend') }),
    ...(perDay === undefined ? {} : { perDay: amount(perDay, 'limits.per_day') }),
    ...(models === undefined ? {} : { models }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

/** What is left out stays out. */
export function toWireLimits({ spend, perDay, models, expiresAt }: KeyLimits = {}): WireLimits {
  return {
    ...(spend === undefined ? {} : { spend: spend.toString() }),
    ...(perDay === undefined ? {} : { per_day: perDay.toString() }),
    ...(models === undefined ? {} : { models }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
  }
}

/** Makes a key, durable when fulfilled. It is shown this once: only its hash is kept. */
export async function newApiKey(
  o: { ledger: Ledger; clock: Clock; hashApiKey: (key: string) => string },
  channel: string,
  limits: KeyLimits | undefined,
): Promise<{ api_key: string; key_id: string; channel: string }> {
  const key = `sk-chrysalis-${randomBytes(32).toString('base64url')}`
  const hash = o.hashApiKey(key)
  await o.ledger.addKey({ hash, channel, createdAt: o.clock.now(), ...(limits ? { limits } : {}) })
  return { api_key: key, key_id: keyId(hash), channel }
}

function amount(text: string, param: string) {
  try {
    return parseNanoton(text)
  } catch (cause) {
    throw new SettlementError('bad-request', 'not an amount of nanoTON', { param, cause })
  }
}
