/**
 * A deployment for end-to-end tests, put together from its roles without `chrysalis dev`: a dev chain, a quoting authority
 * with its collateral over HTTP, workers and a proxy as processes of their own with config files of their own, a channel
 * opened by a real transfer.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { developmentPolicy } from '../../src/attestation/index.ts'
import { fundOperator, openAccount } from '../../src/dev/funding.ts'
import { type PccsServer, servePccs } from '../../src/dev/pccs-server.ts'
import { type Child, startChild } from '../../src/dev/supervisor.ts'
import { DEV_GLOBAL_ID, startDevChain } from '../../src/dev-chain/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { developmentMeasurements, SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { startCheckingProxy } from './answers/checking-proxy.ts'
import { eventually } from './eventually.ts'

export const price = {
  prompt: '20000000',
  cached: '10000000',
  completion: '60000000',
  reasoning: '60000000',
  images: '5000000000',
  characters: '7000000',
  seconds: '900000000',
}

export interface DeploymentOptions {
  /** One worker for each engine URL. */
  readonly engines: readonly string[]
  /** Members over the proxy's config, such as `{ limits: {…} }`; objects are merged one level deep. */
  readonly proxy?: Record<string, unknown>
  /** Members over the workers' configs. */
  readonly worker?: Record<string, unknown>
  /** Workers that work for pay, each with a wallet of its own to cash with; what stands here is laid over `payments` of each. */
  readonly paid?: Record<string, unknown>
  /** Endpoints of the chain that the proxy reads, each with faults of its own; the main one where nothing is said. */
  readonly chainEndpoints?: readonly string[]
  /** Puts something between proxy and chain: gets the chain's URL, returns the one that the proxy is told. */
  readonly betweenChain?: (chainUrl: string) => Promise<string>
  /** Changes the policy before the proxy reads it. */
  readonly policy?: (policy: Record<string, unknown>) => void
  /** Puts something between proxy and worker: gets the worker's URL, returns the URL the proxy is told. */
  readonly between?: (workerUrl: string, id: string) => Promise<string> | string
}

export interface Account {
  readonly channel: string
  readonly deposited: bigint
  readonly authorised: bigint
  readonly settled: bigint
  readonly spent: bigint
  readonly reserved: bigint
  readonly available: bigint
}

export interface Deployment {
  readonly folder: string
  /** Where callers ask. Every answer is checked on its way, and a test in which one is not as described fails. */
  readonly origin: string
  readonly apiKey: string
  readonly chainUrl: string
  readonly channel: string
  readonly authority: SoftwareQuotingAuthority
  readonly workers: Map<string, Child<{ url: string; engineURL: string }>>
  proxy: Child<{ url: string }>
  get(path: string): Promise<Response>
  /** Posts a body, JSON or a form, with the account's key. */
  post(path: string, body: object, init?: RequestInit): Promise<Response>
  chat(body: object, init?: RequestInit): Promise<Response>
  account(): Promise<Account>
  /** The account once nothing is reserved any more. */
  idle(): Promise<Account>
  /** Starts the proxy again with the same config, after it was stopped or killed. */
  restartProxy(): Promise<void>
  /** Kills a worker without a word and starts it again at the same address. */
  restartWorker(id: string): Promise<void>
  /** Starts a second proxy on the same data. */
  restartWhileRunning(): Promise<void>
  /** Every byte that any part of the deployment has written to disk, file by file. */
  written(): { file: string; bytes: Buffer }[]
  stop(): Promise<void>
}

const command = { readyWithinMs: 60_000 }

/** Starts a deployment and waits until it serves. Whatever fails, nothing is left running. */
export async function deploy(options: DeploymentOptions): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-e2e-'))
  const closers: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return await start(options, folder, closers, stop)
  } catch (error) {
    const logs = readdirSync(folder).filter(name => name.endsWith('.log'))
    for (const name of logs) console.error(`--- ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-2_000)}`)
    await stop()
    throw error
  }
}

/** The `payments` of a paid worker, whose wallet gets coins for fees. */
async function workerPayments(changes: Record<string, unknown>, id: string, at: (name: string) => string, chainUrl: string) {
  const walletKey = at(`keys/${id}-wallet`)
  await fundOperator(chainUrl, walletKey)
  return {
    chain: { endpoints: [chainUrl], global_id: DEV_GLOBAL_ID },
    payee_key: at(`keys/${id}-payee`),
    wallet_key: walletKey,
    book: at(`${id}/earnings.sqlite`),
    challenge_period_seconds: 60,
    poll_seconds: 1,
    ...changes,
  }
}

async function start(
  options: DeploymentOptions,
  folder: string,
  closers: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Deployment> {
  const at = (name: string) => join(folder, name)
  for (const name of ['keys', 'proxy']) mkdirSync(at(name), { mode: 0o700 })
  const authority = await SoftwareQuotingAuthority.open(at('authority'), { now: Date.now() })
  const pccs: PccsServer = await servePccs(authority.pccs())
  closers.push(() => pccs.close())
  const chain = await startDevChain({ directory: at('chain'), port: 0, logger: silentLogger })
  closers.push(() => chain.close())

  const workers: Deployment['workers'] = new Map()
  const startWorker = async (id: string) => {
    const worker = await startChild<{ url: string; engineURL: string }>({
      name: id,
      args: ['worker', '--config', at(`${id}.yaml`)],
      logFile: at(`${id}.log`),
      ...command,
    })
    workers.set(id, worker)
    closers.push(() => worker.stop(3_000))
  }
  await Promise.all(
    options.engines.map(async (engine, index) => {
      const id = `worker-${index + 1}`
      const config = {
        role: 'worker',
        id,
        listen: { host: '127.0.0.1', port: 0 },
        engine: { url: engine },
        offer: { default: price },
        tee: { type: 'software', directory: at('authority'), simulated: true },
        ...(options.paid && { payments: await workerPayments(options.paid, id, at, chain.url) }),
        ...options.worker,
      }
      writeFileSync(at(`${id}.yaml`), stringify(config))
      await startWorker(id)
    }),
  )

  const policy: Record<string, unknown> = structuredClone(developmentPolicy(developmentMeasurements))
  options.policy?.(policy)
  writeFileSync(at('policy.json'), JSON.stringify(policy))
  writeFileSync(at('root.der'), authority.rootDer)
  writeFileSync(at('operator-key'), 'an operator key for tests\n', { mode: 0o600 })
  await fundOperator(chain.url, at('keys/wallet'))
  const proxyConfig: Record<string, unknown> = {
    role: 'proxy',
    simulated: true,
    listen: { host: '127.0.0.1', port: 0 },
    data: at('proxy'),
    attestation: { pccs: pccs.url, policy: at('policy.json'), root: at('root.der') },
    tee: { type: 'software', directory: at('authority'), simulated: true },
    workers: await Promise.all(
      Array.from(workers, async ([id, { ready }]) => ({ id, url: (await options.between?.(ready.url, id)) ?? ready.url })),
    ),
    pricing: { default: price },
    payments: {
      chain: {
        endpoints: options.chainEndpoints?.map(name => chain.endpoint(name)) ?? [(await options.betweenChain?.(chain.url)) ?? chain.url],
        global_id: DEV_GLOBAL_ID,
      },
      wallet_key: at('keys/wallet'),
      payee_key: at('keys/payee'),
      challenge_period_seconds: 60,
      settle_at_shutdown: true,
      ...(options.paid && { workers: { payer_key: at('keys/worker-payer') }, poll_seconds: 1 }),
    },
    console: { operator_key: at('operator-key') },
  }
  for (const [member, value] of Object.entries(options.proxy ?? {})) {
    const before = proxyConfig[member]
    proxyConfig[member] =
      typeof before === 'object' && before !== null && !Array.isArray(before) ? { ...before, ...(value as object) } : value
  }
  writeFileSync(at('proxy.yaml'), stringify(proxyConfig))
  const startProxy = () =>
    startChild<{ url: string }>({ name: 'proxy', args: ['proxy', '--config', at('proxy.yaml')], logFile: at('proxy.log'), ...command })
  let proxy = await startProxy()
  closers.push(() => proxy.stop(18_000))
  const checking = await startCheckingProxy(() => proxy.ready.url)
  closers.push(() => checking.close())
  const { apiKey, channel } = await openAccount({
    baseUrl: checking.url,
    chainUrl: chain.url,
    keys: at('keys'),
    keyFile: at('keys/api-key'),
  })

  const get = (path: string) => fetch(deployment.origin + path, { headers: { authorization: `Bearer ${apiKey}` } })
  const deployment: Deployment = {
    folder,
    apiKey,
    channel,
    authority,
    workers,
    chainUrl: chain.url,
    stop,
    get,
    origin: checking.url,
    get proxy() {
      return proxy
    },
    set proxy(next) {
      proxy = next
    },
    post: (path, body, init) => {
      const authorization = `Bearer ${apiKey}`
      const isForm = body instanceof FormData
      return fetch(deployment.origin + path, {
        method: 'POST',
        headers: isForm ? { authorization } : { authorization, 'content-type': 'application/json' },
        body: isForm ? body : JSON.stringify(body),
        ...init,
      })
    },
    chat: (body, init) => deployment.post('/v1/chat/completions', body, init),
    async account() {
      const body = (await (await get('/v1/account')).json()) as Record<string, string>
      const amount = (name: string) => BigInt(body[name]!)
      return {
        channel: body.channel!,
        deposited: amount('deposited'),
        authorised: amount('authorised'),
        settled: amount('settled'),
        spent: amount('spent'),
        reserved: amount('reserved'),
        available: amount('available'),
      }
    },
    async idle() {
      return eventually(async () => {
        const account = await deployment.account()
        return account.reserved === 0n ? account : undefined
      })
    },
    async restartProxy() {
      await proxy.exited
      proxy = await startProxy()
    },
    async restartWorker(id) {
      const worker = workers.get(id)!
      worker.signal('SIGKILL')
      await worker.exited
      const config = parse(readFileSync(at(`${id}.yaml`), 'utf8')) as Record<string, unknown>
      writeFileSync(at(`${id}.yaml`), stringify({ ...config, listen: { host: '127.0.0.1', port: Number(new URL(worker.ready.url).port) } }))
      await startWorker(id)
    },
    async restartWhileRunning() {
      const second = await startProxy()
      await second.stop(3_000)
    },
    written: () => filesIn(folder),
  }
  await eventually(async () => {
    const response = await get('/readyz')
    await response.text()
    return response.ok || options.policy ? true : undefined
  })
  return deployment
}

function filesIn(folder: string): { file: string; bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => statSync(join(folder, name)).isFile())
    .map(name => ({ file: name, bytes: readFileSync(join(folder, name)) }))
}
