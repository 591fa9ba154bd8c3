import type { Handler } from 'hono'
import type { ApiEnv } from './env.ts'
import type { Metrics } from './metrics.ts'

/** What stands between the proxy and serving; empty when it can serve now. */
export interface Health {
  obstacles(): readonly string[]
}

/** `GET /healthz`: the process is alive. */
export const healthz: Handler<ApiEnv> = c => c.json({ status: 'ok' })

/** `GET /readyz`: 200 when a request could be served now, else 503 with the reasons. */
export function readyz(health: Health): Handler<ApiEnv> {
  return c => {
    const obstacles = health.obstacles()
    return c.json(obstacles.length === 0 ? { status: 'ready' } : { status: 'not ready', obstacles }, obstacles.length === 0 ? 200 : 503)
  }
}

/** `GET /metrics` in Prometheus' text form. */
export function metricsPage(metrics: Metrics): Handler<ApiEnv> {
  return async c => c.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType })
}
