/** What every cell runs against: one proxy with two workers, a scripted engine behind the first, the built-in model behind the second. */
import { fileURLToPath } from 'node:url'
import { startEngine } from '../../../src/engine/index.ts'
import { silentLogger } from '../../../src/lib/logger.ts'
import { type Deployment, deploy, price } from '../../support/deployment.ts'
import { everyEndpoint, ScriptedEngine } from '../../support/scripted-engine.ts'
import type { Connection } from './client.ts'

/** More than any account has. */
const dear = Object.fromEntries(Object.keys(price).map(unit => [unit, '900000000000000000']))

export const models = { scripted: 'scripted', builtin: 'chrysalis-tiny', dear: 'dear' } as const

export interface World {
  readonly engine: ScriptedEngine
  readonly deployment: Deployment
  /** HTTP requests since the last look. */
  tries(): number
  connection(over?: Partial<Connection>): Connection
  /** Runs `action` and returns what it gave, with what the account was charged meanwhile. */
  charged<T>(action: () => Promise<T>): Promise<{ value: T; charge: bigint }>
  close(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const served = (id: string) => ({ id, context_length: 4096, weights_digest: null, endpoints: everyEndpoint })
  const engine = await ScriptedEngine.start({ models: [served(models.scripted), served(models.dear)] })
  const modelFile = fileURLToPath(new URL('../../../models/tiny/chrysalis-tiny-q8_0.gguf', import.meta.url))
  const builtin = await startEngine({ modelFile, host: '127.0.0.1', port: 0, logger: silentLogger })
  const deployment = await deploy({
    engines: [engine.url, builtin.url],
    proxy: { pricing: { default: price, models: { [models.dear]: dear } } },
  })
  let tries = 0
  const counted: typeof fetch = (input, init) => {
    tries += 1
    return fetch(input, init)
  }
  return {
    engine,
    deployment,
    tries: () => {
      const seen = tries
      tries = 0
      return seen
    },
    connection: over => ({ baseURL: `${deployment.origin}/v1`, apiKey: deployment.apiKey, maxRetries: 0, fetch: counted, ...over }),
    async charged(action) {
      const before = await deployment.idle()
      const value = await action()
      const after = await deployment.idle()
      return { value, charge: after.spent - before.spent }
    },
    async close() {
      await deployment.stop()
      await engine.close()
      await builtin.close()
    },
  }
}
