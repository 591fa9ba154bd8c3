import type { MiddlewareHandler } from 'hono'
import { cors as honoCors } from 'hono/cors'
import type { ApiEnv } from '../env.ts'

/** What a page may read of an answer beside its body. */
const exposed = [
  'x-request-id',
  'x-should-retry',
  'payment-required',
  'retry-after',
  'retry-after-ms',
  'openai-processing-ms',
  'server-timing',
  'x-ratelimit-limit-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
  'x-chrysalis-receipt',
  'x-chrysalis-worker',
  'x-chrysalis-evidence',
  'x-chrysalis-tee',
  'x-chrysalis-idempotent-replay',
]

/**
 * Lets pages of `origins` call the API from a browser; `['*']` lets any page. A page sends its API key itself, so cookies are
 * never allowed. Every request header is allowed: clients add new `x-stainless-*` ones, and what nobody reads does no harm.
 */
export function cors(origins: readonly string[]): MiddlewareHandler<ApiEnv> {
  return honoCors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    exposeHeaders: exposed,
    maxAge: 600,
  })
}
