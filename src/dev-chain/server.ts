/** The chain over HTTP: `POST /api/v2/jsonRPC`, with toncenter's envelope and error shapes. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { DevChain } from './chain.ts'
import { DevChainError } from './errors.ts'
import { call } from './rpc.ts'

export interface DevChainOptions {
  /** Keeps the chain over restarts. */
  readonly directory: string
  readonly port: number
  /** Loopback unless said otherwise: the faucet is open to whoever can reach it. */
  readonly host?: string
  readonly clock?: Clock
  readonly logger: Logger
}

export interface RunningDevChain {
  /** The JSON-RPC endpoint itself, for `TonClient`. */
  readonly url: string
  close(): Promise<void>
}

const statuses = { 'bad-request': 422, 'unknown-method': 404, 'not-found': 404, rejected: 500 } as const

/** Starts the development chain. Throws where the port is taken or another process has the folder open. */
export async function startDevChain({
  directory,
  port,
  host = '127.0.0.1',
  clock = systemClock,
  logger,
}: DevChainOptions): Promise<RunningDevChain> {
  const chain = await DevChain.open(directory, clock)
  const server = createServer(getRequestListener(createApp(chain, logger).fetch))
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    await chain.close()
    throw error
  }
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/api/v2/jsonRPC`,
    async close() {
      server.close()
      server.closeAllConnections()
      await chain.close()
    },
  }
}

function createApp(chain: DevChain, logger: Logger): Hono {
  const app = new Hono()
  const failure = (status: number, error: string, id: unknown = '1') => ({ ok: false, error, code: status, id, jsonrpc: '2.0' })
  app.get('/healthz', c => c.json({ status: 'ok' }))
  app.post(
    '/api/v2/jsonRPC',
    bodyLimit({ maxSize: 2 * 1024 * 1024, onError: c => c.json(failure(413, 'the body is too large'), 413) }),
    async c => {
      const request = await c.req.json().catch(() => undefined)
      if (typeof request !== 'object' || request === null || typeof request.method !== 'string')
        return c.json(failure(422, 'send {"id", "jsonrpc": "2.0", "method", "params"}'), 422)
      try {
        const result = await call(chain, request.method, request.params ?? {})
        return c.json({ ok: true, result, id: request.id ?? '1', jsonrpc: '2.0' })
      } catch (error) {
        const status = error instanceof DevChainError ? statuses[error.code] : 500
        if (!(error instanceof DevChainError)) logger.error({ method: request.method, cause: messageOf(error) }, 'a method failed')
        return c.json(
          failure(
            status,
            error instanceof DevChainError && error.code === 'rejected' ? `LITE_SERVER_UNKNOWN: ${error.message}` : messageOf(error),
            request.id,
          ),
          status as ContentfulStatusCode,
        )
      }
    },
  )
  app.notFound(c => c.json(failure(404, 'POST to /api/v2/jsonRPC'), 404))
  return app
}
