import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../env.ts'
import { ApiError } from '../errors.ts'

/** Headers that decide what a request means. */
const deciding = new Set(['authorization', 'content-type', 'content-encoding', 'idempotency-key'])

/**
 * Refuses what two readers of one request could read as two things: a deciding header that stands twice, and JSON in another
 * charset than the one it has. Throws `invalid_request` and `unsupported_media_type`.
 */
export const clearHeaders: MiddlewareHandler<ApiEnv> = async (c, next) => {
  // Node joins or drops what stands twice; only the raw lines show it.
  const raw = c.env?.incoming?.rawHeaders ?? []
  const seen = new Set<string>()
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase()
    if (!deciding.has(name)) continue
    if (seen.has(name)) throw new ApiError('invalid_request', `The header ${name} stands twice.`)
    seen.add(name)
  }
  const type = c.req.header('content-type') ?? ''
  const charset = /^application\/json\b.*;\s*charset\s*=\s*"?([^\s";]*)/i.exec(type)?.[1]?.toLowerCase()
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw new ApiError('unsupported_media_type', 'JSON is sent in UTF-8: leave the charset out, or send charset=utf-8.')
  await next()
}
