/** Serves the software quoting authority's collateral over HTTP on loopback, at the paths of Intel's own service, so that the proxy fetches it as it would in production. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'

export interface PccsServer {
  readonly url: string
  close(): Promise<void>
}

export async function servePccs(handler: (request: Request) => Response | Promise<Response>): Promise<PccsServer> {
  const server = createServer(getRequestListener(handler))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
