import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../../lib/clock.ts'
import type { ApiEnv } from '../env.ts'
import { rateLimitError, rateLimitHeaders } from '../rate-limit-headers.ts'
import { Admission, type RateLimiter } from '../rate-limiter.ts'
import { alreadySent } from './already-sent.ts'

/**
 * Lets a request of a known key in, before its body is read, and shows what is left on every answer. A handler that serves it
 * ends the admission with what was used; of any other request everything is given back. Throws `rate_limit_exceeded`.
 */
export function rateLimit(limiter: RateLimiter, clock: Clock): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const { hash } = c.get('key')
    const show = () => {
      for (const [name, value] of Object.entries(rateLimitHeaders(limiter.allowances(hash, clock.now())))) c.header(name, value)
    }
    const admission = limiter.admit(hash, clock.now())
    if (!(admission instanceof Admission)) {
      show()
      throw rateLimitError(admission, limiter.limits)
    }
    c.set('admission', admission)
    try {
      await next()
    } finally {
      admission.giveBack(clock.now())
    }
    if (!alreadySent(c)) show()
  }
}
