/** Opens the endpoints that a config's `chain` names, and says in the log when one of them is not to be believed. */
import { TonClient } from '@ton/ton'
import type { ChainConfig } from './config.ts'
import type { Clock } from './lib/clock.ts'
import type { Logger } from './lib/logger.ts'
import { AgreedChain, boundedHttp } from './payment-channel/index.ts'
import { secret } from './proxy/secret.ts'

export interface ChainEndpointsOptions {
  readonly chain: ChainConfig
  /** Makes a path of the config absolute. */
  readonly at: (path: string) => string
  readonly clock: Clock
  readonly logger: Logger
  /** Between two questions to endpoints that are at different blocks. */
  readonly intervalMs: number
}

const timeoutMs = 20_000

/** The chain of a config. Throws {@link ConfigError} for an API key that cannot be read. */
export function openChainEndpoints({ chain, at, clock, logger, intervalMs }: ChainEndpointsOptions): AgreedChain {
  const endpoints = chain.endpoints.map((each, index) => {
    const { url, api_key_file: keyFile } = typeof each === 'string' ? { url: each } : each
    const apiKey = keyFile === undefined ? undefined : secret(at(keyFile), `chain.endpoints.${index}.api_key_file`)
    const client = new TonClient({ endpoint: url, timeout: timeoutMs, httpAdapter: boundedHttp, ...(apiKey ? { apiKey } : {}) })
    return { name: endpointName(url), client }
  })
  return new AgreedChain({
    endpoints,
    clock,
    intervalMs,
    mostLagMs: chain.max_lag_seconds * 1000,
    onProblem: (endpoint, problem) => {
      if (!problem) logger.info({ endpoint }, 'the endpoint of the chain is believed again')
      else
        logger[problem.kind === 'contradiction' ? 'error' : 'warn'](
          { endpoint, kind: problem.kind, cause: problem.words },
          problem.kind === 'contradiction' ? 'security event: an endpoint of the chain lies' : 'an endpoint of the chain is not believed',
        )
    },
  })
}

/** Without what may be an API key: neither user nor query. */
function endpointName(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname.replace(/\/(?:api\/v2\/)?(?:jsonRPC)?$/, '')}`
}
