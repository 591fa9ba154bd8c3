/** A development chain that listens. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { createApp } from './app.ts'
import { DevChain } from './chain.ts'
import { Faults, mainEndpoint } from './faults.ts'

/** About as often as mainnet makes a block. */
export const defaultBlockIntervalMs = 400

export interface DevChainOptions {
  /** Keeps the chain over restarts. */
  readonly directory: string
  readonly port: number
  /** Loopback unless said otherwise: the faucet is open to whoever can reach it. */
  readonly host?: string
  readonly clock?: Clock
  /** Milliseconds from one empty block to the next, for a chain that begins now. Default {@link defaultBlockIntervalMs}; 0: none. */
  readonly blockIntervalMs?: number
  readonly logger: Logger
}

export interface RunningDevChain {
  /** The JSON-RPC endpoint itself, for `TonClient`. */
  readonly url: string
  /** What the `dev_…` methods control, without HTTP between. */
  readonly chain: DevChain
  readonly faults: Faults
  /** Another endpoint over the same chain, with faults of its own. */
  endpoint(name: string): string
  close(): Promise<void>
}

/** Starts the development chain. Throws where the port is taken or another process has the folder open. */
export async function startDevChain(options: DevChainOptions): Promise<RunningDevChain> {
  const { directory, port, host = '127.0.0.1', clock = systemClock, blockIntervalMs = defaultBlockIntervalMs, logger } = options
  const chain = await DevChain.open({ directory, clock, blockIntervalMs })
  const faults = new Faults(clock)
  const server = createServer(getRequestListener(createApp({ chain, faults, clock, logger }).fetch))
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    await chain.close()
    throw error
  }
  const { port: actual } = server.address() as AddressInfo
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
  const endpoint = (name: string) => `${origin}${name === mainEndpoint ? '' : `/${name}`}/api/v2/jsonRPC`
  return {
    url: endpoint(mainEndpoint),
    chain,
    faults,
    endpoint,
    async close() {
      server.close()
      server.closeAllConnections()
      await chain.close()
    },
  }
}
