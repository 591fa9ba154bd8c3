/** Takes the policy's registered values from the registry on the chain, and says so where it cannot. */
import { Address } from '@ton/core'
import { nothingRegistered, type RegisteredValues } from '../attestation/index.ts'
import { ConfigError, type ProxyConfig } from '../config.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import type { ChainClient } from '../payment-channel/index.ts'
import { policyValues, RegistryFollower, readRegistry } from '../policy-registry/index.ts'

export interface RegistryOptions {
  readonly config: ProxyConfig
  readonly client: ChainClient
  readonly clock: Clock
  readonly logger: Logger
  /** Hears what is registered from now on: nothing at all while the registry is not known. */
  readonly onValues: (values: RegisteredValues) => void
}

export interface FollowedRegistry {
  start(): Promise<void>
  stop(): void
  /** Why nothing that is registered counts; undefined where the registry is known. */
  obstacle(): string | undefined
}

/** Follows the registry of a config; undefined where it names none. Throws {@link ConfigError}. */
export function followRegistry({ config, client, clock, logger, onValues }: RegistryOptions): FollowedRegistry | undefined {
  const { registry } = config.attestation
  if (!registry) return undefined
  const address = parseAddress(registry.address)
  let known = false
  const follower = new RegistryFollower({
    read: () => readRegistry(client, address),
    clock,
    pollMs: registry.poll_seconds * 1000,
    maxStaleMs: registry.max_stale_seconds * 1000,
    onItems: items => {
      known = items !== undefined
      logger[known ? 'info' : 'error'](
        { registry: registry.address, items: items?.length ?? 0 },
        known ? 'the registry changed' : 'the registry is not known: nothing that it should list is accepted',
      )
      onValues(items ? policyValues(items) : nothingRegistered)
    },
    onProblem: problem =>
      problem === undefined
        ? logger.info({ registry: registry.address }, 'the registry is read again')
        : logger.warn({ registry: registry.address, cause: problem }, 'the registry cannot be read'),
  })
  return {
    start: () => follower.start(),
    stop: () => follower.stop(),
    obstacle: () => (known ? undefined : `the registry ${registry.address} is not known: ${follower.problem ?? 'not read yet'}`),
  }
}

function parseAddress(text: string): Address {
  try {
    return Address.parse(text)
  } catch (cause) {
    throw new ConfigError('invalid', `attestation.registry.address: ${text} is no TON address: its checksum is wrong`, { cause })
  }
}
