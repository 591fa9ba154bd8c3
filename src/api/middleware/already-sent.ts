import type { Context } from 'hono'
import type { ApiEnv } from '../env.ts'

/** Whether the handler has written to Node's response itself: then headers that Hono is given go nowhere. Without a socket there is no such response. */
export function alreadySent(c: Context<ApiEnv>): boolean {
  const env: Partial<ApiEnv['Bindings']> | undefined = c.env
  return env?.outgoing?.headersSent === true
}
