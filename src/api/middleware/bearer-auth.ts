import { createHash } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Ledger } from '../../ledger/index.ts'
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

/** Finds the account of `authorization: Bearer KEY`. Throws `invalid_api_key`; which part was wrong is not told. */
export function bearerAuth(ledger: Pick<Ledger, 'findKey'>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const secret = bearerKey(c.req.header('authorization'))
    const key = secret ? ledger.findKey(hashApiKey(secret)) : undefined
    if (!key)
      throw new ApiError('invalid_api_key', 'Incorrect API key provided. Send the key of a payment channel as "authorization: Bearer KEY".')
    c.set('key', key)
    await next()
  }
}
