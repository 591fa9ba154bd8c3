import type { HttpBindings } from '@hono/node-server'
import type { KeyRecord } from '../ledger/index.ts'
import type { Admission } from './rate-limiter.ts'

/** What handlers find in Hono's context: Node's own request and response, the request's id and time, the API key where one was checked, and its admission where limits apply. */
export interface ApiEnv {
  Bindings: HttpBindings
  Variables: { requestId: string; startedAt: number; key: KeyRecord; admission: Admission }
}
