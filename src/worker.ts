/** `chrysalis worker`: the enclave agent beside an inference engine. */
import { readFile } from 'node:fs/promises'
import { type Agent, type AgentLimits, type GpuSource, requireLoopback, startAgent } from './agent/index.ts'
import { loadConfig, pathIn } from './config.ts'
import { systemClock } from './lib/clock.ts'
import { createLogger, type Logger } from './lib/logger.ts'
import { reportReady, stopOnSignal } from './lifecycle.ts'
import { openQuoter } from './quoter.ts'
import { commandCollector, fileCollector } from './tee/index.ts'
import { withPaths } from './worker/earnings.ts'
import { openWorkerPay } from './worker/pay.ts'
import { type WorkerConfig, workerSchema } from './worker-config.ts'

/** Runs a worker by its config file until it is told to stop. Throws `ConfigError` for a file that is not valid. */
export async function runWorkerFile(file: string): Promise<void> {
  const config = loadConfig(file, workerSchema)
  const { engine, tee, gpu, payments } = config
  await runWorker({
    ...config,
    engine: engine.builtin ? { ...engine, builtin: { model: pathIn(file, engine.builtin.model) } } : engine,
    tee: tee.type === 'software' ? { ...tee, directory: pathIn(file, tee.directory) } : tee,
    payments: payments && withPaths(payments, file),
    gpu: gpu && {
      ...gpu,
      rims: gpu.rims.map(rim => pathIn(file, rim)),
      ...(gpu.file === undefined ? {} : { file: pathIn(file, gpu.file) }),
    },
  })
}

/** Runs a worker until it is told to stop: SIGTERM, or a parent that is gone. Tells a parent `{ready: {id, url, engineURL, models}}`. */
export async function runWorker(config: WorkerConfig): Promise<void> {
  const worker = await startWorker(config)
  stopOnSignal(() => worker.stop(), config.limits.drain_ms + 5_000)
  reportReady({ id: config.id, url: worker.agent.url, engineURL: worker.engineURL, models: worker.agent.models })
}

/** A worker that runs inside this process. */
export interface RunningWorker {
  readonly agent: Agent
  readonly engineURL: string
  stop(): Promise<void>
}

/** Starts engine and agent. Throws where the engine is not on this machine, the quoting authority cannot be used, or the address is taken. */
export async function startWorker(config: WorkerConfig): Promise<RunningWorker> {
  if (config.engine.url !== undefined && !config.engine.dangerously_allow_remote) requireLoopback(config.engine.url)
  const quoter = await openQuoter(config.tee)
  const logger = createLogger({ role: 'worker', level: config.log_level, simulated: quoter.simulated }).child({ worker: config.id })
  const pay = config.payments && (await openWorkerPay({ id: config.id, config: config.payments, clock: systemClock, logger }))
  // It works for nobody before it has read the chain, which an engine that takes its time does not hold up.
  void pay?.cashier.start()
  const engine = await openEngine(config, logger).catch(async error => {
    await pay?.close()
    throw error
  })
  try {
    const { models, default: byDefault } = config.offer
    const agent = await startAgent({
      id: config.id,
      listen: config.listen,
      engineURL: engine.url,
      defaultContextLength: config.engine.context_length,
      endpoints: config.engine.endpoints,
      offer: model => (Object.hasOwn(models, model) ? models[model]! : byDefault),
      quoter,
      gpu: config.gpu && (await openGpu(config.gpu)),
      payee: pay?.payee,
      keyLifetimeMs: Math.round(config.key_lifetime_hours * 3_600_000),
      limits: agentLimits(config.limits),
      clock: systemClock,
      logger,
    })
    logger.info({ url: agent.url, engineURL: engine.url, models: agent.models.map(model => model.id) }, 'the worker listens')
    return {
      agent,
      engineURL: engine.url,
      async stop() {
        await agent.stop(config.limits.drain_ms)
        await engine.close()
        await pay?.close()
      },
    }
  } catch (error) {
    await engine.close()
    await pay?.close()
    throw error
  }
}

/** Throws where a reference manifest cannot be read. */
async function openGpu(gpu: NonNullable<WorkerConfig['gpu']>): Promise<GpuSource> {
  const { command, file, timeout_ms: timeoutMs } = gpu
  const collector = command
    ? commandCollector({ command: command as [string, ...string[]], timeoutMs, clock: systemClock })
    : fileCollector(file!)
  return { collector, rims: await Promise.all(gpu.rims.map(rim => readFile(rim))) }
}

async function openEngine(config: WorkerConfig, logger: Logger): Promise<{ url: string; close(): Promise<void> }> {
  if (config.engine.url !== undefined) return { url: config.engine.url, close: async () => {} }
  // Loaded only where it is used: the native library costs memory and start time.
  const { startEngine } = await import('./engine/index.ts')
  return await startEngine({ modelFile: config.engine.builtin!.model, host: '127.0.0.1', port: 0, logger })
}

function agentLimits(limits: WorkerConfig['limits']): AgentLimits {
  return {
    engine: {
      connectMs: limits.engine_connect_ms,
      firstByteMs: limits.engine_first_byte_ms,
      idleMs: limits.engine_idle_ms,
      totalMs: limits.engine_total_ms,
      answerBytes: limits.answer_bytes,
    },
    envelope: { maxPayload: 1024 * 1024, maxData: limits.body_bytes },
    eventBytes: limits.event_bytes,
    stallMs: limits.reader_stall_ms,
    keepAliveMs: limits.keep_alive_ms,
    bodiesBytes: limits.bodies_bytes,
    requestMs: limits.request_ms,
    maxRunning: limits.running,
    replayCapacity: limits.replay_capacity,
    evidencePerSecond: limits.evidence_per_second,
    modelsRefreshMs: limits.models_refresh_ms,
  }
}
