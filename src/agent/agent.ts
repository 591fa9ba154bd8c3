/** The enclave agent as a whole: wires identity, evidence, engine and sealed requests behind one HTTP server. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { KeysetModel } from '../attestation/index.ts'
import { type EnvelopeLimits, type Price, ReplayMemory } from '../envelope/index.ts'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { runningSoftware } from '../lib/running-software.ts'
import type { Payee } from '../payouts/index.ts'
import type { Quoter } from '../tee/index.ts'
import { createApp } from './app.ts'
import { EngineClient, type EngineLimits } from './engine-client.ts'
import { EngineModels } from './engine-models.ts'
import { EvidenceMaker } from './evidence.ts'
import type { GpuSource } from './gpu-evidence.ts'
import { Identity } from './identity.ts'
import { AgentMetrics } from './metrics.ts'
import { Preparer } from './preparer.ts'
import { SealedRequests } from './sealed-requests.ts'
import { Verdicts } from './verdicts.ts'

/** Times in milliseconds, sizes in bytes. */
export interface AgentLimits {
  readonly engine: EngineLimits
  readonly envelope: EnvelopeLimits
  /** Longest event of an engine's stream. */
  readonly eventBytes: number
  /** How long a reader may take nothing. */
  readonly stallMs: number
  /** After how much silence of the engine a stream shows that it lives. */
  readonly keepAliveMs: number
  /** Of all bodies that are held at once. */
  readonly bodiesBytes: number
  /** How long a request may take to arrive. */
  readonly requestMs: number
  readonly maxRunning: number
  /** Requests remembered against replay; those of four minutes must fit. */
  readonly replayCapacity: number
  readonly evidencePerSecond: number
  readonly modelsRefreshMs: number
}

export interface AgentOptions {
  /** The worker's id. */
  readonly id: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly engineURL: string
  /** For models whose engine does not tell. */
  readonly defaultContextLength: number
  /** What is served where neither the engine's model list nor its OpenAPI document tells. */
  readonly endpoints: readonly string[] | undefined
  /** What this worker wants per model, nanoTON per 10^6 units. */
  readonly offer: (model: string) => Price
  readonly quoter: Quoter
  /** Where the GPUs' evidence comes from, on a machine that shows it. */
  readonly gpu?: GpuSource | undefined
  /** Who pays for work; undefined where it is done for nothing. */
  readonly payee?: Payee | undefined
  readonly keyLifetimeMs: number
  readonly limits: AgentLimits
  readonly clock: Clock
  readonly logger: Logger
}

export interface Agent {
  /** Where it listens. */
  readonly url: string
  /** The models in the present keyset; empty while the engine has not answered yet. */
  readonly models: readonly KeysetModel[]
  /** Begins a new generation of keys now. */
  rotateKeys(): void
  /** Takes no more requests, gives the running ones `graceMs`, then ends them; closes everything and destroys the keys. */
  stop(graceMs: number): Promise<void>
}

/** Starts an agent. An engine that is down does not stop it: it is not ready until the engine answers. Throws where it cannot listen. */
export async function startAgent(o: AgentOptions): Promise<Agent> {
  const { clock, logger, limits } = o
  const software = runningSoftware()
  const engine = new EngineClient({ url: o.engineURL, clock, limits: limits.engine })
  const replay = new ReplayMemory({ clock, capacity: limits.replayCapacity })
  let identity: Identity | undefined
  let evidence: EvidenceMaker | undefined

  const serveModels = (served: readonly KeysetModel[]) => {
    if (identity) {
      identity.serve(served)
      return
    }
    // Keys are made with the first keyset, and a keyset names its models.
    const made = new Identity({
      worker: o.id,
      software,
      models: served,
      clock,
      lifetimeMs: o.keyLifetimeMs,
      overlapMs: Math.min(o.keyLifetimeMs / 2, 3_600_000),
      longestRequestMs: limits.requestMs + limits.engine.totalMs,
      onRotate: ({ keyset, keysetDigest }) =>
        logger.info(
          { keyset: keysetDigest, notAfter: keyset.not_after, receiptKey: toHex(Buffer.from(keyset.receipt.kid, 'hex')) },
          'new keys',
        ),
    })
    identity = made
    evidence = new EvidenceMaker({
      quoter: o.quoter,
      gpu: o.gpu,
      generation: () => made.current,
      clock,
      perSecond: limits.evidencePerSecond,
    })
  }

  const models = new EngineModels({
    engine,
    offer: o.offer,
    defaultContextLength: o.defaultContextLength,
    endpoints: o.endpoints,
    refreshMs: limits.modelsRefreshMs,
    clock,
    logger,
    onModels: serveModels,
  })
  const metrics: AgentMetrics = new AgentMetrics({ running: () => sealed.running, ready: () => isReady() })
  const preparer = new Preparer()
  const sealed = new SealedRequests({
    identity: () => identity,
    replay,
    engine,
    preparer,
    model: id => models.find(id),
    payee: o.payee,
    clock,
    logger,
    metrics: () => metrics,
    limits,
  })
  let stopping = false
  const isReady = () => !stopping && models.ready && identity !== undefined

  const verdicts = new Verdicts({ clock, logger, metrics })
  const pay = o.payee && { payee: o.payee, generation: () => identity?.current }
  const app = createApp({ evidence: () => evidence, sealed, verdicts, pay, metrics, ready: isReady, logger })
  const server = createServer(
    { keepAliveTimeout: 65_000, headersTimeout: 15_000, requestTimeout: 0 },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }),
  )
  await models.start()
  const url = await listen(server, o.listen)

  return {
    url,
    get models() {
      return identity?.current.keyset.models ?? []
    },
    rotateKeys: () => identity?.rotate(),
    async stop(graceMs) {
      stopping = true
      models.stop()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      await sealed.drain(graceMs)
      server.closeIdleConnections()
      // Last bytes may still be on their way to a reader; one that does not take them is cut off.
      const cut = setTimeout(() => server.closeAllConnections(), 500)
      await closed
      clearTimeout(cut)
      await engine.close()
      await preparer.close()
      identity?.stop()
    },
  }
}

async function listen(server: Server, at: { host: string; port: number }): Promise<string> {
  server.listen(at.port, at.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const host = at.host === '0.0.0.0' || at.host === '::' ? '127.0.0.1' : at.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
