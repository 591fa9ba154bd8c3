import { createHash } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Ledger } from '../../ledger/index.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ApiEnv } from '../env.ts'
import { ApiError } from '../errors.ts'

/** The form in which an API key is stored and looked up: SHA-256 in hex. Keys are 256 random bits, so no slow hash is needed. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** The API key in an `authorization` header; undefined where there is none. */
export function bearerKey(header: string | undefined): string | undefined {
  return /^Bearer ([\x21-\x7e]{1,256})$/i.exec(header ?? '')?.[1]
}

/** Finds the account of `authorization: Bearer KEY`. Throws `invalid_api_key`; which part of a wrong one was wrong is not told. */
export function bearerAuth(ledger: Pick<Ledger, 'findKey'>, clock: Pick<Clock, 'now'>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const secret = bearerKey(c.req.header('authorization'))
    const key = secret ? ledger.findKey(hashApiKey(secret)) : undefined
    if (!key)
      throw new ApiError('invalid_api_key', 'Incorrect API key provided. Send the key of a payment channel as "authorization: Bearer KEY".')
    if (key.revokedAt !== undefined) throw new ApiError('invalid_api_key', 'This API key was revoked by its owner. Use another.')
    const { expiresAt } = key.limits ?? {}
    if (expiresAt !== undefined && clock.now() >= expiresAt * 1_000)
      throw new ApiError('invalid_api_key', 'This API key is past the time its owner gave it. Use another.')
    c.set('key', key)
    await next()
  }
}
