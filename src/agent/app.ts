/** The agent's routes. Everything here is reachable by whoever reaches the worker, so that nothing here needs trust: evidence proves itself, requests are sealed. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { AttestationError, mostVerdictBytes, parseVerdict } from '../attestation/index.ts'
import type { Problem } from '../envelope/index.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { parseNonce, problem } from './answers.ts'
import type { EvidenceMaker } from './evidence.ts'
import type { AgentMetrics } from './metrics.ts'
import { type PayDesk, payRoutes } from './pay-desk.ts'
import type { SealedRequests } from './sealed-requests.ts'
import type { Verdicts } from './verdicts.ts'

interface Env {
  Bindings: { incoming: IncomingMessage; outgoing: ServerResponse }
}

export interface AppOptions {
  /** Undefined while no keyset stands. */
  readonly evidence: () => EvidenceMaker | undefined
  readonly sealed: SealedRequests
  readonly verdicts: Verdicts
  /** On what terms this worker is paid, and the keys that say so; undefined where it works for nothing. */
  readonly pay: PayDesk | undefined
  readonly metrics: AgentMetrics
  readonly ready: () => boolean
  readonly logger: Logger
}

export function createApp(o: AppOptions): Hono<Env> {
  const app = new Hono<Env>()

  app.get('/.well-known/chrysalis', async context => {
    const nonce = parseNonce(context.req.queries('nonce'))
    if (!nonce)
      return problem({ type: 'urn:chrysalis:bad-nonce', title: 'The nonce must be given once, as 64 lowercase hex digits', status: 400 })
    const maker = o.evidence()
    if (!maker) return problem(notReady)
    try {
      const document = await maker.make(nonce)
      o.metrics.evidence(document ? 'made' : 'limited')
      if (document) o.verdicts.await(nonce)
      if (!document)
        return problem(
          { type: 'urn:chrysalis:too-many-requests', title: 'Evidence is asked for too often', status: 429 },
          { 'retry-after': '1' },
        )
      return context.json(document, 200, { 'cache-control': 'no-store' })
    } catch (error) {
      o.metrics.evidence('failed')
      o.logger.error({ error: messageOf(error) }, 'no evidence could be made')
      return problem({ type: 'urn:chrysalis:no-evidence', title: 'No quote can be made now', status: 503 })
    }
  })

  const verdictLimit = bodyLimit({ maxSize: mostVerdictBytes, onError: () => problem(badVerdict) })
  app.post('/.well-known/chrysalis/verdict', verdictLimit, async context => {
    try {
      const verdict = parseVerdict(new Uint8Array(await context.req.arrayBuffer()))
      return o.verdicts.take(verdict) ? context.body(null, 204) : problem(unasked)
    } catch (error) {
      if (error instanceof AttestationError) return problem(badVerdict)
      throw error
    }
  })

  if (o.pay) app.route('/v1/pay', payRoutes(o.pay))

  app.post('/v1/sealed', async context => {
    await o.sealed.serve(context.env.incoming, context.env.outgoing)
    return RESPONSE_ALREADY_SENT
  })

  app.post('/v1/sealed/:rid/cancel', context => {
    if (!o.sealed.cancel(context.req.param('rid')))
      return problem({ type: 'urn:chrysalis:not-running', title: 'No such request is running', status: 404 })
    return context.body(null, 204)
  })

  app.get('/healthz', context => context.text('ok\n'))
  app.get('/readyz', context => (o.ready() ? context.text('ready\n') : context.text('not ready\n', 503)))
  app.get('/metrics', async context =>
    context.text(await o.metrics.registry.metrics(), 200, { 'content-type': o.metrics.registry.contentType }),
  )

  app.notFound(() => problem({ type: 'urn:chrysalis:not-found', title: 'There is nothing at this address', status: 404 }))
  app.onError(error => {
    o.logger.error({ error: messageOf(error) }, 'a route failed')
    return problem({ type: 'urn:chrysalis:internal', title: 'The request failed', status: 500 })
  })
  return app
}

const notReady: Problem = { type: 'urn:chrysalis:not-ready', title: 'No model is known yet', status: 503 }

const badVerdict: Problem = { type: 'urn:chrysalis:bad-verdict', title: 'This is no verdict on evidence', status: 400 }
const unasked: Problem = { type: 'urn:chrysalis:bad-nonce', title: 'No verdict is awaited over this nonce', status: 404 }
