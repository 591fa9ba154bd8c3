/**
 * `chrysalis dev`: the whole product on one machine. It is no special program: it writes config files and starts the
 * same roles that production starts. Only the root of trust, the chain's id and the size of the model are for
 * development; every code path is the real one.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { isLoopback } from './agent/index.ts'
import { ConfigError } from './config.ts'
import { type DevFolder, openFolder, untilPartsAreGone, writePrivate } from './dev/folder.ts'
import { fundOperator, openAccount } from './dev/funding.ts'
import { type PccsServer, servePccs } from './dev/pccs-server.ts'
import { keepPolicy } from './dev/policy.ts'
import { type Child, startChild } from './dev/supervisor.ts'
import { messageOf } from './lib/coded-error.ts'
import { DEV_GLOBAL_ID } from './lib/dev-global-id.ts'
import { developmentMeasurements, SoftwareQuotingAuthority } from './tee/index.ts'

export interface DevOptions {
  readonly port: number
  readonly engine?: string
  readonly model?: string
  readonly workers: number
  readonly data: string
  readonly fresh: boolean
  readonly console: boolean
  /** Workers work for pay: the proxy opens a channel to each. */
  readonly payWorkers: boolean
}

interface ChainReady {
  readonly url: string
}

interface WorkerReady {
  readonly url: string
  readonly engineURL: string
}

interface ProxyReady {
  readonly url: string
}

/** Prices of the development deployment, nanoTON per million tokens: a short question costs some hundred nanoTON. */
const price = {
  prompt: '20000000',
  cached: '10000000',
  completion: '60000000',
  reasoning: '60000000',
  images: '100000000000',
  characters: '5000000',
  seconds: '1000000000',
}
/** What the development worker asks for the same: the proxy's margin is the difference. */
const offer = { prompt: '18000000', cached: '9000000', completion: '54000000', reasoning: '54000000' }

const readyWithinMs = 100_000
/** Longer than any role takes to stop. */
const partsStopMs = 20_000
/** An engine that is starting too is waited for; after so long, what is waited for is said. */
const patienceMs = 3_000
const builtInModel = fileURLToPath(new URL('../models/tiny/chrysalis-tiny-q8_0.gguf', import.meta.url))

/** Starts everything, prints where it is, and stays until SIGTERM or SIGINT. */
export async function runDev(options: DevOptions): Promise<void> {
  const folder = openFolder(options.data, options.fresh)
  const deployment = new Deployment(folder, options)
  const stop = onlyOnce(async () => {
    await deployment.stop()
    process.exit(0)
  })
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => deployment.reloadPolicy())
  try {
    await deployment.start()
  } catch (error) {
    if (deployment.stopping) return
    console.error(`chrysalis: ${messageOf(error)}`)
    await deployment.stop()
    process.exit(1)
  }
}

function onlyOnce(action: () => Promise<void>): () => void {
  let begun = false
  return () => {
    if (begun) return
    begun = true
    void action()
  }
}

class Deployment {
  readonly #folder: DevFolder
  readonly #options: DevOptions
  readonly #workers = new Map<string, Child<WorkerReady>>()
  #pccs: PccsServer | undefined
  #chain: Child<ChainReady> | undefined
  #proxy: Child<ProxyReady> | undefined
  #channel = ''
  #apiKey = ''
  #consoleURL = ''
  stopping = false

  constructor(folder: DevFolder, options: DevOptions) {
    this.#folder = folder
    this.#options = options
  }

  async start(): Promise<void> {
    rmSync(this.#folder.devFile, { force: true })
    await untilPartsAreGone(this.#folder, partsStopMs)
    // What a person got wrong is said before anything is started for it.
    await requireFreePort(this.#options.port)
    if (this.#options.model !== undefined) requireModelFile(resolve(this.#options.model))
    const authority = await this.#trust()
    const chain = this.#startChain()
    // Only a worker that is paid needs the chain.
    if (this.#options.payWorkers) await chain
    const workers = Array.from({ length: this.#options.workers }, (_, index) => this.#startWorker(`worker-${index + 1}`, 0))
    const [{ ready }] = await Promise.all([chain, ...workers])
    this.#proxy = await this.#startProxy(authority)
    const account = await openAccount({
      baseUrl: this.#proxy.ready.url,
      chainUrl: ready.url,
      keys: this.#folder.keys,
      keyFile: this.#folder.keyFile,
    })
    this.#channel = account.channel
    this.#apiKey = account.apiKey
    await this.#untilServing()
    this.#consoleURL = await this.#consoleLink()
    this.#writeDevFile()
    this.#announce()
    this.#watch(await chain)
    this.#watch(this.#proxy)
  }

  /** Stops callers first, then settles (the proxy does), then everything behind it. */
  async stop(): Promise<void> {
    this.stopping = true
    await this.#proxy?.stop(14_000)
    await Promise.all(Array.from(this.#workers.values(), worker => worker.stop(3_000)))
    await this.#chain?.stop(3_000)
    await this.#pccs?.close()
    rmSync(this.#folder.devFile, { force: true })
  }

  reloadPolicy(): void {
    this.#proxy?.signal('SIGHUP')
  }

  /** The root of trust: a software quoting authority of this folder's own, its collateral over HTTP, and a policy that names what it measures. */
  async #trust(): Promise<SoftwareQuotingAuthority> {
    const authority = await SoftwareQuotingAuthority.open(this.#folder.authority, { now: Date.now() })
    this.#pccs = await servePccs(authority.pccs())
    keepPolicy(this.#folder.policyFile, developmentMeasurements)
    return authority
  }

  #child<Ready>(name: string, args: readonly string[]): Promise<Child<Ready>> {
    if (this.stopping) throw new ConfigError('invalid', 'stopped while starting')
    return startChild<Ready>({ name, args, logFile: join(this.#folder.logs, `${name}.log`), readyWithinMs })
  }

  /** The chain, with coins in the operator's wallet. */
  async #startChain(): Promise<Child<ChainReady>> {
    this.#chain = await this.#child<ChainReady>('dev-chain', ['dev-chain', '--data', this.#folder.chain, '--port', '0'])
    await fundOperator(this.#chain.ready.url, join(this.#folder.keys, 'operator-wallet'))
    return this.#chain
  }

  async #startWorker(id: string, port: number): Promise<void> {
    const { engine, model } = this.#options
    const config = {
      role: 'worker',
      id,
      listen: { host: '127.0.0.1', port },
      engine: engine
        ? { url: engine, dangerously_allow_remote: !isLoopback(engine) }
        : { builtin: { model: model === undefined ? builtInModel : resolve(model) } },
      offer: { default: offer },
      tee: { type: 'software', directory: this.#folder.authority, simulated: true },
      ...(this.#options.payWorkers ? { payments: await this.#workerPayments(id) } : {}),
    }
    const file = this.#folder.file(`${id}.yaml`)
    writePrivate(file, stringify(config))
    const worker = await this.#child<WorkerReady>(id, ['worker', '--config', file])
    this.#workers.set(id, worker)
    this.#respawn(id, worker)
  }

  /** On what terms a worker of this machine is paid, with a wallet that has coins for fees. */
  async #workerPayments(id: string): Promise<object> {
    const endpoint = this.#chain!.ready.url
    const walletKey = join(this.#folder.keys, `${id}-wallet`)
    await fundOperator(endpoint, walletKey)
    return {
      chain: { endpoints: [endpoint], global_id: DEV_GLOBAL_ID },
      payee_key: join(this.#folder.keys, `${id}-payee`),
      wallet_key: walletKey,
      book: this.#folder.file(`${id}-earnings.sqlite`),
      challenge_period_seconds: 60,
      cash_threshold: '10000000',
      poll_seconds: 10,
    }
  }

  /** A worker that dies comes back at the same address, with new keys; the proxy sees that and verifies it anew. */
  #respawn(id: string, worker: Child<WorkerReady>, delayMs = 1_000): void {
    void worker.exited.then(async how => {
      if (this.stopping) return
      console.error(`${how}\nIt is started again.`)
      const port = Number(new URL(worker.ready.url).port)
      for (let wait = delayMs; !this.stopping; wait = Math.min(wait * 2, 30_000)) {
        await new Promise(resolve => setTimeout(resolve, wait))
        try {
          await this.#startWorker(id, port)
          this.#writeDevFile()
          return
        } catch (error) {
          console.error(`${id} cannot be started: ${messageOf(error)}`)
        }
      }
    })
  }

  async #startProxy(authority: SoftwareQuotingAuthority): Promise<Child<ProxyReady>> {
    const root = this.#folder.file('authority-root.der')
    writePrivate(root, authority.rootDer)
    const operatorKey = join(this.#folder.keys, 'operator-key')
    if (!existsSync(operatorKey)) writePrivate(operatorKey, `${randomBytes(24).toString('base64url')}\n`)
    const config = {
      role: 'proxy',
      simulated: true,
      listen: { host: '127.0.0.1', port: this.#options.port },
      data: this.#folder.proxyData,
      attestation: { pccs: this.#pccs!.url, policy: this.#folder.policyFile, root },
      tee: { type: 'software', directory: this.#folder.authority, simulated: true },
      workers: this.#workersInOrder().map(({ id, ready }) => ({ id, url: ready.url })),
      pricing: { default: price },
      // There is one caller here, and whoever measures must not measure a limit.
      limits: { per_key: { requests_per_minute: 100_000_000, tokens_per_minute: 1_000_000_000_000, concurrent: 100_000 } },
      payments: {
        chain: { endpoints: [this.#chain!.ready.url], global_id: DEV_GLOBAL_ID },
        wallet_key: join(this.#folder.keys, 'operator-wallet'),
        payee_key: join(this.#folder.keys, 'payee'),
        challenge_period_seconds: 60,
        max_unread_seconds: 30,
        settle_threshold: '10000000',
        settle_at_shutdown: true,
        poll_seconds: 10,
        ...(this.#options.payWorkers ? { workers: { payer_key: join(this.#folder.keys, 'worker-payer') } } : {}),
      },
      ...(this.#options.console ? { console: { operator_key: operatorKey } } : {}),
    }
    const file = this.#folder.file('proxy.yaml')
    writePrivate(file, stringify(config))
    return this.#child<ProxyReady>('proxy', ['proxy', '--config', file])
  }

  async #untilServing(): Promise<void> {
    const started = Date.now()
    let told = false
    for (;;) {
      const response = await fetch(`${this.#proxy!.ready.url}/readyz`)
      if (response.ok) return
      const { obstacles } = (await response.json()) as { obstacles?: string[] }
      const waited = Date.now() - started
      if (waited > patienceMs && (!told || waited > readyWithinMs)) {
        const cause = `${obstacles?.join(', ')}${await engineTrouble(this.#options.engine)}`
        if (waited > readyWithinMs) throw new Error(`the proxy does not become ready: ${cause}; see ${this.#folder.logs}`)
        console.error(`waiting: ${cause}`)
        told = true
      }
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async #consoleLink(): Promise<string> {
    if (!this.#options.console) return ''
    const key = readFileSync(join(this.#folder.keys, 'operator-key'), 'utf8').trim()
    const response = await fetch(`${this.#proxy!.ready.url}/console/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
    })
    const { token } = (await response.json()) as { token: string }
    return `${this.#proxy!.ready.url}/console?token=${token}`
  }

  #writeDevFile(): void {
    const origin = this.#proxy!.ready.url
    const workers = this.#workersInOrder().map(({ id, ready, pid }) => ({ id, url: ready.url, engineURL: ready.engineURL, pid }))
    const dev = {
      baseURL: `${origin}/v1`,
      apiKey: this.#apiKey,
      consoleURL: this.#consoleURL,
      relayURL: origin,
      chainURL: this.#chain!.ready.url,
      channel: this.#channel,
      pid: process.pid,
      workers,
    }
    writePrivate(this.#folder.devFile, `${JSON.stringify(dev, null, 2)}\n`)
  }

  /** By number, whichever was ready first. */
  #workersInOrder(): { id: string; ready: WorkerReady; pid: number }[] {
    return Array.from({ length: this.#options.workers }, (_, index) => {
      const id = `worker-${index + 1}`
      const { ready, pid } = this.#workers.get(id)!
      return { id, ready, pid }
    })
  }

  #announce(): void {
    const { engine } = this.#options
    const lines = [
      'Chrysalis is ready (development mode: the root of trust and the chain are simulated).',
      '',
      `  base URL   ${this.#proxy!.ready.url}/v1`,
      `  API key    ${this.#apiKey}`,
      ...(this.#consoleURL ? [`  console    ${this.#consoleURL}   (opens once, within 10 minutes)`] : []),
      `  chain      ${this.#chain!.ready.url}`,
      `  details    ${this.#folder.devFile}`,
      ...(engine && !isLoopback(engine) ? ['', `  The engine at ${engine} is not on this machine: prompts travel to it unprotected.`] : []),
    ]
    console.log(lines.join('\n'))
  }

  /** Proxy and chain hold what all else rests on: when one of them dies, everything stops and says so. */
  #watch(child: Child<unknown>): void {
    void child.exited.then(async how => {
      if (this.stopping) return
      console.error(`${how}\nEverything is stopped. Start again: nothing that was durable is lost.`)
      await this.stop()
      process.exit(1)
    })
  }
}

/** What is wrong with the caller's own engine, as far as it shows from here; nothing where it lists models. */
async function engineTrouble(engine: string | undefined): Promise<string> {
  if (engine === undefined) return ''
  const url = `${engine.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1/models`
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    if (!response.ok) return `; the engine answers ${response.status} at ${url}`
    const { data } = (await response.json()) as { data?: unknown }
    return Array.isArray(data) && data.length > 0 ? '' : `; the engine lists no model at ${url}`
  } catch (error) {
    return `; the engine does not answer at ${url} (${messageOf(error instanceof Error && error.cause ? error.cause : error)}): start it, or check --engine`
  }
}

/** Throws {@link ConfigError} where another program has the port; 0 is any port. It may still be taken before the proxy comes to it, which says the same. */
async function requireFreePort(port: number): Promise<void> {
  if (port === 0) return
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    throw new ConfigError(
      'invalid',
      `cannot listen on 127.0.0.1:${port}: another program listens there; stop it, or take another port with --port`,
      { cause },
    )
  } finally {
    server.close()
  }
}

function requireModelFile(file: string): void {
  if (!existsSync(file)) throw new ConfigError('invalid', `there is no model file ${file}; --model takes a GGUF file`)
}
