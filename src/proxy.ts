/** `chrysalis proxy`: reads its config, builds the rooms, wires them, listens, and stops in order. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { answerClientErrors, answerExpectations, createApi, createListener, Inference, Metrics } from './api/index.ts'
import { ConfigError, loadConfig, type ProxyConfig, pathIn, proxySchema } from './config.ts'
import { ConsoleAccess, createConsole } from './console/index.ts'
import { openLedger } from './ledger/index.ts'
import { systemClock } from './lib/clock.ts'
import { messageOf } from './lib/coded-error.ts'
import { createLogger } from './lib/logger.ts'
import { reportReady, stopOnSignal } from './lifecycle.ts'
import { SenderSessions } from './link/index.ts'
import { PriceTable } from './metering/index.ts'
import { createKey, type KeyPair, loadKey } from './payment-channel/index.ts'
import { consoleStatus } from './proxy/console-status.ts'
import { openFleet } from './proxy/fleet.ts'
import { mostUnreadMs, openMoney } from './proxy/money.ts'
import { openOwnEvidence } from './proxy/own-evidence.ts'
import { openPayer } from './proxy/payer.ts'
import { followRegistry } from './proxy/registry.ts'
import { secret } from './proxy/secret.ts'

/** How long a cancelled worker may take to end its answer, and how long any answer may take. */
const cancelMs = 10_000
const totalMs = 30 * 60_000

/** Runs the proxy that `file` describes until SIGTERM. Throws {@link ConfigError} and the rooms' own errors where it cannot start. */
export async function runProxy(file: string): Promise<void> {
  const config = loadConfig(file, proxySchema)
  const at = (path: string) => pathIn(file, path)
  const clock = systemClock
  const logger = createLogger({ role: 'proxy', level: config.log_level, simulated: config.simulated })
  mkdirSync(at(config.data), { recursive: true, mode: 0o700 })

  const ledgerFile = join(at(config.data), 'ledger.sqlite')
  const keys = await openKeys(config, at, !existsSync(ledgerFile))
  const ledger = await openLedger({
    file: ledgerFile,
    clock,
    mostUnreadMs: mostUnreadMs(config),
    onFailure: error => logger.error({ cause: messageOf(error) }, 'the ledger cannot write: nothing new is served'),
  })
  const money = openMoney({ config, at, clock, logger, ledger, ...keys })
  const own = await openOwnEvidence({ config, at, clock, payee: keys.payee, wallet: money.wallet })
  const payer = await openPayer({ config, at, clock, logger, wallet: money.wallet, client: money.client })
  const fleet = openFleet({ config, at, clock, logger, ledger, payer, onJudged: (worker, code) => metrics.judged(worker, code) })
  const registry = followRegistry({ config, client: money.client, clock, logger, onValues: values => fleet.setRegistered(values) })
  const metrics: Metrics = new Metrics({
    leases: () => fleet.counts(),
    workers: () => fleet.statuses().map(({ id, lease, state: { checks } }) => ({ id, leaseEndsAt: lease?.expiresAt, checks })),
    running: () => fleet.registry.views().reduce((sum, view) => sum + view.running, 0),
    chain: () => money.client.statuses(),
  })
  const prices = new PriceTable(config.pricing)
  const tee = config.simulated ? 'simulated' : 'tdx'
  const inference = new Inference({
    ledger,
    registry: fleet.registry,
    workers: fleet.ports,
    sessions: new SenderSessions(clock),
    prices,
    clock,
    logger,
    metrics,
    limits: { cancelMs, totalMs },
    tee,
  })
  const obstacles = () =>
    [ledger.healthy ? undefined : 'the ledger cannot write', money.obstacle(), registry?.obstacle(), fleet.obstacle()].filter(
      obstacle => obstacle !== undefined,
    )

  const api = createApi({
    ledger,
    inference,
    models: () => fleet.servedModels(prices),
    evidence: { ...fleet.evidence, own },
    channels: money.desk,
    health: { obstacles },
    metrics,
    logger,
    clock,
    bodyLimits: bodyLimits(config),
    ...callerLimits(config),
    simulated: config.simulated,
    chainId: config.payments.chain.global_id,
  })
  let origin = ''
  if (config.console) {
    const access = new ConsoleAccess(secret(at(config.console.operator_key), 'console.operator_key'), clock)
    api.route(
      '/console',
      createConsole({
        access,
        status: () => consoleStatus({ ledger, fleet, clock, simulated: config.simulated, baseUrl: `${origin}/v1`, obstacles: obstacles() }),
      }),
    )
  }

  const listening = await listen(config, at, api.fetch)
  origin = listening.url
  // Its first answer may take a while, and until then nothing that it should list is accepted.
  void registry?.start()
  fleet.start()
  await money.settlement.start()
  await money.claims.start()
  logger.info({ url: origin }, 'the proxy is listening')
  reportReady({ url: origin })

  process.on('SIGHUP', () => fleet.reloadPolicy())
  stopOnSignal(async () => {
    listening.stopAccepting()
    await Promise.race([inference.drain(), new Promise(resolve => setTimeout(resolve, config.limits.drain_ms))])
    await listening.close()
    await money.settlement.stop()
    await money.claims.stop()
    if (config.payments.settle_at_shutdown)
      await money.settlement
        .settleAll()
        .catch(error => logger.error({ cause: messageOf(error) }, 'not settled at shutdown; the next start goes on'))
    registry?.stop()
    await fleet.close()
    await ledger.close()
    logger.flush()
  })
}

function bodyLimits({ limits }: ProxyConfig): Parameters<typeof createApi>[0]['bodyLimits'] {
  return {
    bytes: limits.body_bytes,
    togetherBytes: limits.bodies_bytes,
    totalMs: limits.body_ms,
    silentMs: limits.body_silent_ms,
  }
}

/** What the API is told of limits, idempotency and browsers. */
function callerLimits({ limits, cors }: ProxyConfig): Pick<Parameters<typeof createApi>[0], 'keyLimits' | 'idempotency' | 'corsOrigins'> {
  const { per_key, idempotency } = limits
  return {
    keyLimits: {
      requestsPerMinute: per_key.requests_per_minute,
      tokensPerMinute: per_key.tokens_per_minute,
      concurrent: per_key.concurrent,
    },
    idempotency: { memoryBytes: idempotency.memory_bytes, keepMs: idempotency.keep_ms, lingerMs: idempotency.linger_ms },
    corsOrigins: cors.origins,
  }
}

type Paths = (path: string) => string

/** The payee's key signs claims, the wallet's key pays fees. Both are made at the very first start; once there is a ledger a missing one fails the start. */
async function openKeys(config: ProxyConfig, at: Paths, firstStart: boolean): Promise<{ payee: KeyPair; walletKey: KeyPair }> {
  const open = async (path: string, member: string): Promise<KeyPair> => {
    if (existsSync(at(path))) return loadKey(at(path))
    if (firstStart) return createKey(at(path))
    throw new ConfigError(
      'invalid',
      `${member}: the key file ${at(path)} is gone although there is a ledger that depends on it; restore it from your backup`,
    )
  }
  return {
    payee: await open(config.payments.payee_key, 'payments.payee_key'),
    walletKey: await open(config.payments.wallet_key, 'payments.wallet_key'),
  }
}

/** Reads what `tls` names. Throws {@link ConfigError} for what is no certificate, no key, or not a pair. */
function certificateAndKey(tls: NonNullable<ProxyConfig['tls']>, at: Paths): { cert: Buffer; key: Buffer } {
  const read = <T>(member: 'cert' | 'key', parse: (bytes: Buffer) => T): [bytes: Buffer, parsed: T] => {
    try {
      const bytes = readFileSync(at(tls[member]))
      return [bytes, parse(bytes)]
    } catch (cause) {
      throw new ConfigError('invalid', `tls.${member}: ${at(tls[member])} cannot be used: ${messageOf(cause)}`, { cause })
    }
  }
  const [cert, certificate] = read('cert', bytes => new X509Certificate(bytes))
  const [key, privateKey] = read('key', bytes => createPrivateKey(bytes))
  if (!certificate.checkPrivateKey(privateKey)) throw new ConfigError('invalid', 'tls.key is not the key of tls.cert')
  return { cert, key }
}

interface Listening {
  readonly url: string
  stopAccepting(): void
  close(): Promise<void>
}

/** Listens as the config says, with TLS where it names a certificate. Throws where the port is taken. */
function listen(config: ProxyConfig, at: Paths, fetch: Parameters<typeof createListener>[0]): Promise<Listening> {
  const { host, port } = config.listen
  const listener = createListener(fetch, host)
  // A request without a Host header is refused by the listener, in a form that callers can read.
  const options = { requireHostHeader: false }
  const server = config.tls
    ? createHttpsServer({ ...options, ...certificateAndKey(config.tls, at) }, listener)
    : createHttpServer(options, listener)
  answerClientErrors(server)
  answerExpectations(server, listener)
  // Long uploads and long answers are both legal; idle connections end before a load balancer would cut them.
  server.requestTimeout = 0
  server.keepAliveTimeout = 75_000
  server.headersTimeout = 80_000
  return new Promise((resolve, reject) => {
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'another program listens there; stop it, or take another port (listen.port, or --port of chrysalis dev)'
          : cause.message
      reject(new ConfigError('invalid', `listen: cannot listen on ${host}:${port}: ${why}`, { cause }))
    })
    server.listen(port, host, () => {
      const shown = host.includes(':') ? `[${host}]` : host
      resolve({
        url: `${config.tls ? 'https' : 'http'}://${shown}:${(server.address() as AddressInfo).port}`,
        stopAccepting: () => void server.close(),
        close: async () => server.closeAllConnections(),
      })
    })
  })
}
