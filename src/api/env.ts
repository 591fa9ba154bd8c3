import type { HttpBindings } from '@hono/node-server'
import type { KeyRecord } from '../ledger/index.ts'

/** What handlers find in Hono's context: Node's own request and response, the request id, and the API key where one was checked. */
export interface ApiEnv {
  Bindings: HttpBindings
  Variables: { requestId: string; key: KeyRecord }
}
