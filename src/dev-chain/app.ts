/**
 * The chain over HTTP, as toncenter's API v2: `POST /api/v2/jsonRPC` with the method in the body, `GET` or `POST /api/v2/<method>`
 * with its name in the path. `/<endpoint>` before the path chooses one of several endpoints over the same chain.
 *
 * Deliberately absent: keys and quotas (an `X-API-Key` is taken and ignored), caches.
 */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { z } from 'zod'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { answer, type Env, failure } from './answer.ts'
import type { DevChain } from './chain.ts'
import { DevChainError } from './errors.ts'
import { endpointName, type Faults, mainEndpoint } from './faults.ts'
import { methods } from './methods/index.ts'

/** As toncenter's own. */
const mostBytes = 1024 * 1024

export interface AppOptions {
  readonly chain: DevChain
  readonly faults: Faults
  readonly clock: Clock
  readonly logger: Logger
}

const call = z.object({ method: z.string(), params: z.unknown().optional(), id: z.union([z.string(), z.number(), z.null()]).optional() })

export function createApp(options: AppOptions): Hono<Env> {
  const app = new Hono<Env>()
  app.use(cors())
  app.use(bodyLimit({ maxSize: mostBytes, onError: c => failure(c, new DevChainError('too-large', 'the body is too large')) }))
  app.get('/healthz', c => c.json({ status: 'ok' }))
  for (const prefix of ['/api/v2', '/:endpoint/api/v2']) {
    app.post(`${prefix}/jsonRPC`, async c => {
      const endpoint = endpointOf(c.req.param('endpoint'))
      const request = call.safeParse(await c.req.json().catch(() => undefined))
      if (!request.success)
        return failure(c, new DevChainError('bad-request', 'send {"id", "jsonrpc": "2.0", "method", "params"} as JSON'), null)
      const { method, params = {}, id = '1' } = request.data
      return answer(c, options, { endpoint, method, values: params, verb: 'post', id })
    })
    app.get(`${prefix}/jsonRPC`, c => failure(c, new DevChainError('bad-verb', 'method GET is not supported')))
    app.get(`${prefix}/:method`, c => {
      const [endpoint, method] = [endpointOf(c.req.param('endpoint')), c.req.param('method')]
      const known = methods.get(method)?.takes ?? []
      const values = Object.fromEntries(Object.entries(c.req.query()).filter(([name]) => known.includes(name)))
      return answer(c, options, { endpoint, method, values, verb: 'get', id: undefined })
    })
    app.post(`${prefix}/:method`, async c => {
      const [endpoint, method] = [endpointOf(c.req.param('endpoint')), c.req.param('method')]
      const values = await c.req.json().catch(() => undefined)
      return answer(c, options, { endpoint, method, values, verb: 'post', id: undefined })
    })
  }
  app.notFound(c => failure(c, new DevChainError('unknown-method', 'Not Found: POST to /api/v2/jsonRPC')))
  app.onError((error, c) => failure(c, error))
  return app
}

// An endpoint exists as soon as somebody names it.
function endpointOf(name: string | undefined): string {
  if (name === undefined) return mainEndpoint
  const named = endpointName.safeParse(name)
  if (!named.success) throw new DevChainError('unknown-method', `Not Found: ${named.error.issues[0]?.message}`)
  return named.data
}
