import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context, Handler } from 'hono'
import { isUsed } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Nanoton } from '../lib/nanoton.ts'
import { type Endpoint, requireMediaType } from '../openai/index.ts'
import { Answer } from './answer.ts'
import { type AnswerSink, type OutgoingHeaders, responseSink } from './answer-sink.ts'
import type { BodyReader } from './body-reader.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'
import { fingerprint, onceName, parseIdempotencyKey } from './idempotency-key.ts'
import type { Inference, InferenceRequest } from './inference.ts'
import { bearerKey } from './middleware/bearer-auth.ts'
import { clientRequestId } from './middleware/request-id.ts'
import { rateLimitError, rateLimitHeaders } from './rate-limit-headers.ts'
import type { RateLimiter } from './rate-limiter.ts'
import type { Replays } from './replays.ts'
import type { RequestReader } from './request-reader.ts'

export interface InferenceEndpointOptions {
  readonly inference: Inference
  readonly limiter: RateLimiter
  readonly replays: Replays
  readonly clock: Clock
  readonly bodies: BodyReader
  readonly requests: RequestReader
}

/**
 * Serves an endpoint that is paid for. The body travels to the worker as it came; the answer's bytes travel back as they are.
 * A request that its caller named runs once; the same again is answered from what that run made.
 */
export function inferenceEndpoint(endpoint: Endpoint, options: InferenceEndpointOptions): Handler<ApiEnv> {
  const { inference, replays, bodies, requests } = options
  return async c => {
    const { incoming, outgoing } = c.env
    const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'))
    const contentType = incoming.headers['content-type'] ?? ''
    requireMediaType(endpoint, contentType)
    const body = await bodies.read(incoming, outgoing)
    const sink = responseSink(outgoing, ownHeaders(c, options))

    const run = async (to: AnswerSink, once: string | undefined, used: () => void): Promise<void> => {
      const facts = await requests.read(endpoint, contentType, body)
      const answer = new Answer(to, { form: facts.stream ? endpoint.streamsAs : 'whole', lastEvent: endpoint.lastEvent })
      const ids = { requestId: c.get('requestId'), clientRequestId: clientRequestId(c.req.header('x-client-request-id')) }
      const { channel, hash: key, limits: bounds } = c.get('key')
      refuseOtherModels(bounds?.models, facts.model)
      const request = { ...ids, channel, key, endpoint, facts, contentType, body: body.bytes, once, ...limits(c, options, used) }
      await inference.run({ ...request, begun: () => body.release() }, answer)
    }
    try {
      if (idempotencyKey === undefined) await run(sink, undefined, () => {})
      else {
        const owner = { apiKey: bearerKey(c.req.header('authorization'))!, channel: c.get('key').channel }
        const name = onceName(owner, idempotencyKey)
        const request = { name, fingerprint: await fingerprint({ path: endpoint.path, contentType, body: body.bytes }), sink }
        const served = await replays.serve(request, (to, used) => run(to, name, used))
        // An answer that is there already costs its caller a request of its minute, and no tokens.
        if (served === 'replayed') c.get('admission').end(0, options.clock.now())
      }
    } finally {
      body.release()
    }
    return RESPONSE_ALREADY_SENT
  }
}

/** A key may be for some models only. */
function refuseOtherModels(allowed: readonly string[] | undefined, model: string): void {
  if (allowed !== undefined && !allowed.includes(model))
    throw new ApiError('model_not_found', `This API key may not use this model. Its owner allows: ${allowed.join(', ')}.`, {
      param: 'model',
    })
}

/** Where a request meets the limits of its key: the worst case is taken before money is, and corrected to what the receipt counts. */
function limits(
  c: Context<ApiEnv>,
  { limiter, clock }: InferenceEndpointOptions,
  used: () => void,
): Pick<InferenceRequest, 'admit' | 'charged'> {
  const admission = c.get('admission')
  return {
    admit: tokens => {
      const refusal = admission.takeTokens(tokens, clock.now())
      if (refusal) throw rateLimitError(refusal, limiter.limits)
    },
    charged: ({ usage, cost, finish }) => {
      if (!isUsed({ cost: BigInt(cost) as Nanoton, finish })) return
      used()
      admission.end(usage.prompt + usage.cached + usage.completion + usage.reasoning, clock.now())
    },
  }
}

/** The headers of a caller's own exchange, whoever made the answer: its id, its limits, its time, and what a browser needs to show it. */
function ownHeaders(c: Context<ApiEnv>, { limiter, clock }: InferenceEndpointOptions): () => OutgoingHeaders {
  return () => ({
    // What middleware has set: only CORS does, and reading it costs more than all the rest.
    ...(c.env.incoming.headers.origin === undefined ? {} : Object.fromEntries(c.res.headers)),
    ...rateLimitHeaders(limiter.allowances(c.get('key').hash, clock.now())),
    'x-request-id': c.get('requestId'),
    'openai-processing-ms': String(clock.now() - c.get('startedAt')),
  })
}
