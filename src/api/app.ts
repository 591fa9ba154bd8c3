/** The OpenAI-compatible surface: every route and the order of the middleware. */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Ledger } from '../ledger/index.ts'
import type { Logger } from '../lib/logger.ts'
import { endpoints } from '../openai/index.ts'
import { account } from './account.ts'
import { attestation, type EvidenceSource } from './attestation.ts'
import { type ChannelDesk, createKey, proposeChannel } from './channels.ts'
import type { ApiEnv } from './env.ts'
import { ApiError, toApiError } from './errors.ts'
import { type Health, healthz, metricsPage, readyz } from './health.ts'
import type { Inference } from './inference.ts'
import { inferenceEndpoint } from './inference-endpoint.ts'
import type { Metrics } from './metrics.ts'
import { bearerAuth } from './middleware/bearer-auth.ts'
import { requestId } from './middleware/request-id.ts'
import { type ModelSource, model, models } from './models.ts'
import { receipt } from './receipts.ts'

export interface ApiOptions {
  readonly ledger: Ledger
  readonly inference: Inference
  readonly models: ModelSource
  readonly evidence: EvidenceSource
  readonly channels: ChannelDesk
  readonly health: Health
  readonly metrics: Metrics
  readonly logger: Logger
  readonly bodyLimitBytes: number
  readonly simulated: boolean
}

export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  const key = bearerAuth(options.ledger)
  const small = bodyLimit({
    maxSize: 16 * 1024,
    onError: () => refuse(new ApiError('request_too_large', 'The body is larger than 16384 bytes.')),
  })

  app.use(requestId)
  app.use(async (c, next) => {
    if (options.simulated) c.header('x-chrysalis-tee', 'simulated')
    await next()
  })

  app.get('/healthz', healthz)
  app.get('/readyz', readyz(options.health))
  app.get('/metrics', metricsPage(options.metrics))

  for (const endpoint of endpoints.values())
    app.post(endpoint.path, key, inferenceEndpoint(endpoint, options.inference, options.bodyLimitBytes))
  app.all('/v1/responses/:id{.+}', key, () => refuse(new ApiError('not_found', 'There is no stored response: answers are kept nowhere.')))
  app.get('/v1/models', key, models(options.models))
  app.get('/v1/models/:id{.+}', key, model(options.models))

  app.get('/v1/account', key, account(options.ledger))
  app.get('/v1/receipts/:rid', key, receipt(options.ledger))
  app.get('/v1/attestation', key, attestation(options.evidence))
  app.post('/v1/channels', small, proposeChannel(options.channels))
  app.post('/v1/channels/keys', small, createKey(options.channels))

  app.notFound(c => {
    throw new ApiError('unknown_url', `Unknown request URL: ${c.req.method} ${c.req.path.slice(0, 128)}.`)
  })
  app.onError((thrown, c) => {
    const error = toApiError(thrown)
    if (error instanceof ApiError) {
      options.metrics.refused(error.code)
      if (error.code === 'internal_error')
        options.logger.error({ requestId: c.get('requestId'), error: describe(error.cause) }, 'a request failed')
    }
    const headers = 'headers' in error ? (error.headers as Record<string, string>) : {}
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
    return c.json(error.body, error.status as ContentfulStatusCode)
  })
  return app
}

function refuse(error: ApiError): never {
  throw error
}

/** Name and place of an unexpected error, never its message: that may quote what a caller sent. */
function describe(cause: unknown): object {
  return cause instanceof Error
    ? {
        name: cause.name,
        at: cause.stack
          ?.split('\n')
          .slice(1, 6)
          .map(line => line.trim()),
      }
    : { name: typeof cause }
}
