import { randomBytes } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../../lib/clock.ts'
import type { ApiEnv } from '../env.ts'
import { alreadySent } from './already-sent.ts'

/** Gives every request an id of ours, in `x-request-id` of every answer and in the log, and says in `openai-processing-ms` how long it took. */
export function requestId(clock: Clock): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const id = `req_${randomBytes(12).toString('hex')}`
    const startedAt = clock.now()
    c.set('requestId', id)
    c.set('startedAt', startedAt)
    c.header('x-request-id', id)
    await next()
    if (!alreadySent(c)) c.header('openai-processing-ms', String(clock.now() - startedAt))
  }
}

/**
 * What a caller calls its request in `x-client-request-id`, for the log only: short, and of characters that no log reads as
 * anything else. Undefined for all else, and for what looks like an API key sent in the wrong header.
 */
export function clientRequestId(header: string | undefined): string | undefined {
  return header !== undefined && /^(?!sk-)[A-Za-z0-9._:-]{1,64}$/.test(header) ? header : undefined
}
