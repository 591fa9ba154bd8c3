/** The OpenAI-compatible surface: every route and the order of the middleware. */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { getPath } from 'hono/utils/url'
import { type Ledger, LedgerError } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { endpoints } from '../openai/index.ts'
import { account, accountEvidence, statement } from './account.ts'
import { attestation, type EvidenceSource, ownAttestation } from './attestation.ts'
import { type BodyLimits, BodyReader } from './body-reader.ts'
import { type ChannelDesk, channelCommand, createKey, deployChannel, proposeChannel } from './channels.ts'
import type { ApiEnv } from './env.ts'
import { ApiError, toApiError } from './errors.ts'
import { type Health, healthz, metricsPage, readyz } from './health.ts'
import type { Inference } from './inference.ts'
import { inferenceEndpoint } from './inference-endpoint.ts'
import type { Metrics } from './metrics.ts'
import { bearerAuth } from './middleware/bearer-auth.ts'
import { clearHeaders } from './middleware/clear-headers.ts'
import { cors } from './middleware/cors.ts'
import { rateLimit } from './middleware/rate-limit.ts'
import { requestId } from './middleware/request-id.ts'
import { type ModelSource, model, models } from './models.ts'
import { canonicalPath, refuseOtherMethods, unknownUrl } from './paths.ts'
import { paymentRequired } from './payment-required.ts'
import { retryAfter } from './rate-limit-headers.ts'
import { type KeyLimits, RateLimiter } from './rate-limiter.ts'
import { receipt } from './receipts.ts'
import { description, reference } from './reference.ts'
import { Replays, type ReplaysOptions } from './replays.ts'
import { RequestReader } from './request-reader.ts'

export interface ApiOptions {
  readonly ledger: Ledger
  readonly inference: Inference
  readonly models: ModelSource
  readonly evidence: EvidenceSource
  readonly channels: ChannelDesk
  readonly health: Health
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly bodyLimits: BodyLimits
  readonly keyLimits: KeyLimits
  readonly idempotency: Omit<ReplaysOptions, 'clock'>
  /** Pages that may call the API from a browser; none where it is empty. */
  readonly corsOrigins: readonly string[]
  readonly simulated: boolean
  /** Global id of the chain that callers' channels are on. */
  readonly chainId: number
}

export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const { clock, corsOrigins } = options
  const app = new Hono<ApiEnv>({ getPath: request => canonicalPath(getPath(request)) })
  const key = bearerAuth(options.ledger, clock)
  const small = bodyLimit({
    maxSize: 16 * 1024,
    onError: () => refuse(new ApiError('request_too_large', 'The body is larger than 16384 bytes.')),
  })

  app.use(requestId(clock))
  app.use(async (c, next) => {
    if (options.simulated) c.header('x-chrysalis-tee', 'simulated')
    await next()
  })

  if (corsOrigins.length > 0) app.use('/v1/*', cors(corsOrigins))
  app.use('/v1/*', clearHeaders)

  app.get('/healthz', healthz)
  app.get('/readyz', readyz(options.health))
  app.get('/metrics', metricsPage(options.metrics))
  app.get('/openapi.json', description)
  app.get('/reference', reference)

  const limiter = new RateLimiter({ limits: options.keyLimits })
  const paid = {
    ...options,
    limiter,
    replays: new Replays({ ...options.idempotency, clock }),
    bodies: new BodyReader({ limits: options.bodyLimits, clock }),
    requests: new RequestReader(),
  }
  for (const endpoint of endpoints.values()) app.post(endpoint.path, key, rateLimit(limiter, clock), inferenceEndpoint(endpoint, paid))
  app.all('/v1/responses/:id{.+}', key, () => refuse(new ApiError('not_found', 'There is no stored response: answers are kept nowhere.')))
  app.get('/v1/models', key, models(options.models))
  app.get('/v1/models/:id{.+}', key, model(options.models))

  app.get('/v1/account', key, account(options.ledger))
  app.get('/v1/account/statement', key, statement(options.ledger))
  app.get('/v1/account/evidence/:digest', key, accountEvidence(options.ledger))
  app.get('/v1/receipts/:rid', key, receipt(options.ledger))
  app.get('/v1/attestation', ownAttestation(options.evidence), key, attestation(options.evidence))
  app.post('/v1/channels', small, proposeChannel(options.channels))
  app.post('/v1/channels/deploy', small, deployChannel(options.channels))
  app.post('/v1/channels/keys', small, createKey(options.channels))
  app.post('/v1/channels/command', small, channelCommand(options.channels))

  refuseOtherMethods(app)
  app.notFound(c => refuse(unknownUrl(c.req.method, c.req.path)))
  app.onError((thrown, c) => {
    const error = toApiError(thrown)
    if (error instanceof ApiError) {
      options.metrics.refused(error.code)
      if (error.code === 'internal_error')
        options.logger.error({ requestId: c.get('requestId'), error: describe(error.cause) }, 'a request failed')
    }
    const headers = {
      ...waitOf(error.status),
      ...(thrown instanceof LedgerError && thrown.shortfall
        ? { 'payment-required': paymentRequired(thrown.shortfall, c.req.path, options.chainId) }
        : {}),
      ...('headers' in error ? (error.headers as Record<string, string>) : {}),
    }
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
    return c.json(error.body, error.status as ContentfulStatusCode)
  })
  return app
}

function refuse(error: ApiError): never {
  throw error
}

/** How long to wait where nobody knows better: a 429 or 503 without a time would have every client come back at once. */
function waitOf(status: number): Record<string, string> {
  return status === 429 || status === 503 ? retryAfter(1_000) : {}
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
