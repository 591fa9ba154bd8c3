import { createHash } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Ledger } from '../../ledger/index.ts'
import type { ApiEnv } from '../env.ts'
import { ApiError } from '../errors.ts'

/** The form in which an API key is stored and looked up: SHA-256 in hex. Keys are 256 random bits, so no slow hash is needed. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** Finds the account of `authorization: Bearer KEY`. Throws `invalid_api_key`; which part was wrong is not told. */
export function bearerAuth(ledger: Pick<Ledger, 'findKey'>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const match = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(c.req.header('authorization') ?? '')
    const key = match?.[1] ? ledger.findKey(hashApiKey(match[1])) : undefined
    if (!key)
      throw new ApiError('invalid_api_key', 'Incorrect API key provided. Send the key of a payment channel as "authorization: Bearer KEY".')
    c.set('key', key)
    await next()
  }
}
