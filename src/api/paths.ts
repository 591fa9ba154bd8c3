/** Paths as callers spell them, and what is answered at one that has no such method. */
import type { Hono } from 'hono'
import { endpoints } from '../openai/index.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** Where the API answers without `/v1` too, for users forget it in the base URL. */
const bare = new Set([...endpoints.keys(), '/v1/models'].map(path => path.slice('/v1'.length)))

/** The one spelling of a path: without a trailing slash, and with the `/v1` that a base URL lacked. */
export function canonicalPath(path: string): string {
  const spelled = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  return bare.has(spelled) || spelled.startsWith('/models/') ? `/v1${spelled}` : spelled
}

/** Answers other methods at the paths that `app` has so far: OPTIONS with what there is, the rest with `method_not_allowed`. */
export function refuseOtherMethods(app: Hono<ApiEnv>): void {
  const routes = Map.groupBy(
    app.routes.filter(({ method }) => method !== 'ALL'),
    ({ path }) => path,
  )
  for (const [path, served] of routes) {
    const methods = new Set(served.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))
    const allow = [...methods, 'OPTIONS'].join(', ')
    app.all(path, c => {
      if (c.req.method === 'OPTIONS') return c.body(null, 204, { allow })
      throw new ApiError('method_not_allowed', `This URL takes ${[...methods].join(' and ')}.`, { headers: { allow } })
    })
  }
}

/** 404 for a path that nothing is at; it says what is meant where that is plain. */
export function unknownUrl(method: string, path: string): ApiError {
  const meant = path.replace(/^(\/v1)+(?=\/v1\/)/, '')
  const hint = meant !== path ? ` The base URL has "/v1" twice: try ${meant.slice(0, 128)}.` : ''
  return new ApiError('unknown_url', `Unknown request URL: ${method} ${path.slice(0, 128)}.${hint}`)
}
