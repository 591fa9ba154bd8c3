import { randomBytes } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../env.ts'

/** Gives every request an id of ours, in `x-request-id` of every answer and in the log. */
export const requestId: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const id = `req_${randomBytes(12).toString('hex')}`
  c.set('requestId', id)
  c.header('x-request-id', id)
  await next()
}
