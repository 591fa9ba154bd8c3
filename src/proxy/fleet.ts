/** The workers of a proxy: a link and a lease for each, what the scheduler sees of them, and where their evidence can be asked for. */
import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServedModel, WorkerPort } from '../api/index.ts'
import {
  CollateralClient,
  encodeVerdict,
  intelRootDer,
  type Lease,
  LeaseKeeper,
  type LeaseState,
  type NrasKeys,
  nothingRegistered,
  nvidiaVerifier,
  type Policy,
  type PolicyFile,
  parseNrasKeys,
  parsePolicyFile,
  type RegisteredValues,
  withoutRegistry,
} from '../attestation/index.ts'
import { ConfigError, type ProxyConfig } from '../config.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { WorkerLink } from '../link/index.ts'
import { type PriceTable, toVector } from '../metering/index.ts'
import { endpoints } from '../openai/index.ts'
import type { PaidWorker, Payer, PayStatus } from '../payouts/index.ts'
import { filter, type ModelOffer, Registry } from '../scheduler/index.ts'

export interface FleetOptions {
  readonly config: ProxyConfig
  readonly at: (path: string) => string
  readonly clock: Clock
  readonly logger: Logger
  readonly ledger: Ledger
  /** Hears what came of a worker's evidence: `accepted`, or an error code. */
  readonly onJudged: (worker: string, code: string) => void
  /** Pays workers; undefined where the proxy pays none. */
  readonly payer?: ((workers: readonly PaidWorker[]) => Payer) | undefined
}

interface Member {
  readonly id: string
  readonly url: string
  readonly link: WorkerLink
  readonly keeper: LeaseKeeper
  /** The models of the lease below, read once a lease. */
  models: { readonly lease: Lease; readonly offers: ReadonlyMap<string, ModelOffer> } | undefined
}

/** One worker, for the status page. */
export interface MemberStatus {
  readonly id: string
  readonly url: string
  readonly state: LeaseState
  readonly lease: Lease | undefined
  readonly running: number
  /** Undefined where the proxy pays no workers. */
  readonly pay: PayStatus | undefined
}

export class Fleet {
  readonly registry: Registry
  readonly ports: ReadonlyMap<string, WorkerPort>
  readonly #members = new Map<string, Member>()
  readonly #options: FleetOptions
  readonly #payer: Payer | undefined
  #file: PolicyFile
  #registered = nothingRegistered
  #nrasKeys: NrasKeys | null
  #policy: Policy

  constructor(options: FleetOptions, collateral: CollateralClient) {
    this.#options = options
    this.#file = this.#readPolicy()
    this.#nrasKeys = this.#readNrasKeys()
    this.#policy = this.#file.with(this.#registered)
    this.registry = new Registry({ now: () => options.clock.now() })
    for (const { id, url } of options.config.workers) this.#members.set(id, this.#open(id, url, collateral))
    this.#payer = options.payer?.(Array.from(this.#members.values(), paidWorker))
    for (const member of this.#members.values())
      this.registry.add(member.id, { models: () => offersOf(member), expiresAt: () => this.#usable(member)?.expiresAt ?? 0 })
    this.ports = new Map(
      Array.from(this.#members.values(), ({ id, link, keeper }) => [
        id,
        { link, lease: () => keeper.current(), renew: () => renew(keeper), ...this.#payPort(id) },
      ]),
    )
  }

  /** Begins to verify all workers, off the path of any request. */
  start(): void {
    for (const { keeper } of this.#members.values()) keeper.start()
    this.#payer?.start()
  }

  /** The lease of a worker that may have requests: one that cannot be paid is as good as unverified. */
  #usable({ id, keeper }: Member): Lease | undefined {
    return this.#payer && !this.#payer.isReady(id) ? undefined : keeper.current()
  }

  #payPort(id: string): Pick<WorkerPort, 'pay'> {
    const payer = this.#payer
    return payer ? { pay: cap => payer.hold(id, cap) ?? 'unpayable' } : {}
  }

  async close(): Promise<void> {
    await this.#payer?.stop()
    for (const { keeper, link } of this.#members.values()) {
      keeper.stop()
      await link.close()
    }
  }

  /** Reads the policy file again, and NVIDIA's keys; a file that is not valid keeps the policy in force and says so. Leases under the old policy end. */
  reloadPolicy(): void {
    try {
      const file = this.#readPolicy()
      this.#nrasKeys = this.#readNrasKeys()
      this.#file = file
    } catch (error) {
      this.#options.logger.error({ cause: messageOf(error) }, 'the policy file was not taken; the policy in force stays')
      return
    }
    this.#policy = this.#file.with(this.#registered)
    for (const { keeper } of this.#members.values()) keeper.invalidate('the policy changed')
    this.#options.logger.info('the policy was read again; every worker is verified anew')
  }

  /** Puts these values where the policy says `"registry"`. Leases end if one is gone; where some came, who has no lease is asked again. */
  setRegistered(values: RegisteredValues): void {
    const lost = this.#file.registered.some(member => this.#registered[member].some(value => !values[member].includes(value)))
    this.#registered = values
    this.#policy = this.#file.with(values)
    for (const { keeper } of this.#members.values()) if (lost || !keeper.current()) keeper.invalidate('the registry changed')
  }

  counts(): { live: number; known: number } {
    const members = Array.from(this.#members.values())
    return { live: members.filter(member => this.#usable(member) !== undefined).length, known: members.length }
  }

  /** Why no worker can be asked; undefined where one can. */
  obstacle(): string | undefined {
    if (this.counts().live > 0) return undefined
    const members = Array.from(this.#members.values())
    if (!this.#payer || members.every(({ keeper }) => keeper.current() === undefined)) return 'no worker has a live lease'
    const problems = this.#payer.statuses().flatMap(({ worker, problem }) => (problem === undefined ? [] : [`${worker}: ${problem}`]))
    return `no worker with a live lease can be paid (${problems.join('; ')})`
  }

  statuses(): MemberStatus[] {
    const pay = new Map(this.#payer?.statuses().map(status => [status.worker, status]))
    const running = new Map(this.registry.views().map(view => [view.id, view.running]))
    return Array.from(this.#members.values(), ({ id, url, keeper }) => ({
      id,
      url,
      state: keeper.state(),
      lease: keeper.current(),
      running: running.get(id) ?? 0,
      pay: pay.get(id),
    }))
  }

  servedModels(prices: PriceTable): ServedModel[] {
    const served = Array.from(this.registry.models(), ([id, { contextLength, weights, endpoints: served }]) => {
      const price = prices.for(id)
      const paths = [...endpoints.values()].filter(endpoint => served.has(endpoint.path) && prices.sells(id, endpoint.charges))
      return { id, contextLength, weights, endpoints: paths.map(({ path }) => path), price }
    })
    return served.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  readonly evidence = {
    fromWorker: (id: string, nonce: Buffer): Promise<string> | undefined => this.#members.get(id)?.link.fetchEvidence(nonce),
    nthFor: (model: string, n: number): string | undefined => {
      const any = 1n << 62n
      const price = { prompt: any, cached: any, completion: any, reasoning: any }
      const demand = { model, endpoint: undefined, price, tried: new Set<string>() }
      return filter(this.registry.views(), demand, this.#options.clock.now()).eligible[n]?.id
    },
  }

  #open(id: string, url: string, collateral: CollateralClient): Member {
    const { clock, config, logger, ledger, onJudged } = this.#options
    const nrasKeys = () => this.#nrasKeys
    const link = new WorkerLink({ url, firstByteMs: config.limits.first_byte_ms, idleMs: config.limits.idle_ms })
    const keeper = new LeaseKeeper({
      worker: id,
      fetchEvidence: nonce => link.fetchEvidence(nonce),
      collateral,
      policy: () => this.#policy,
      gpuVerifier: {
        ...nvidiaVerifier,
        get nrasKeys() {
          return nrasKeys()
        },
      },
      clock,
      random: size => randomBytes(size),
      leaseMs: config.attestation.lease_seconds * 1000,
      simulated: config.simulated,
      onChange: state =>
        logger[state.status === 'verified' ? 'info' : 'warn']({ worker: id, status: state.status, reasons: state.reasons }, 'attestation'),
      onVerdict: verdict => {
        onJudged(id, verdict.accepted ? 'accepted' : verdict.code)
        void link.tellVerdict(encodeVerdict(verdict))
      },
      onLease: lease =>
        ledger.storeEvidence({ digest: lease.keysetDigest, keyset: lease.keysetBytes, quote: lease.quote, at: lease.verifiedAt }),
    })
    return { id, url, link, keeper, models: undefined }
  }

  /** The keys of NVIDIA's attestation service; null where the config names none. */
  #readNrasKeys(): NrasKeys | null {
    const { nras_keys: path } = this.#options.config.attestation
    if (path === undefined) return null
    const file = this.#options.at(path)
    try {
      return parseNrasKeys(readFileSync(file, 'utf8'))
    } catch (cause) {
      throw new ConfigError('invalid', `attestation.nras_keys: ${file}: ${messageOf(cause)}`, { cause })
    }
  }

  #readPolicy(): PolicyFile {
    const { policy, registry } = this.#options.config.attestation
    const file = this.#options.at(policy)
    try {
      const read = parsePolicyFile(JSON.parse(readFileSync(file, 'utf8')))
      const { gpu } = read.with(nothingRegistered)
      if (gpu !== 'any' && gpu.nras === 'required' && this.#options.config.attestation.nras_keys === undefined)
        throw new Error(
          'gpu.nras is required, and attestation.nras_keys names no keys to check a token with: every worker would be refused',
        )
      if (!registry) withoutRegistry(read)
      else if (read.registered.length === 0) throw new Error('says "registry" nowhere, although attestation.registry names one')
      return read
    } catch (cause) {
      throw new ConfigError('invalid', `attestation.policy: ${file}: ${messageOf(cause)}`, { cause })
    }
  }
}

/** Opens the fleet of a config: its root of trust, its collateral, its policy. Throws {@link ConfigError}. */
export function openFleet(options: FleetOptions): Fleet {
  const { config, at, clock } = options
  const root = config.attestation.root === undefined ? intelRootDer : readRoot(at(config.attestation.root))
  const directory = join(at(config.data), 'collateral')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { pccs: baseUrl, update } = config.attestation
  const collateral = new CollateralClient({ baseUrl, fetch, root, clock, directory, update })
  return new Fleet(options, collateral)
}

function readRoot(file: string): Buffer {
  try {
    return new X509Certificate(readFileSync(file)).raw
  } catch (cause) {
    throw new ConfigError('invalid', `attestation.root: ${file} is not a certificate: ${messageOf(cause)}`, { cause })
  }
}

function paidWorker({ id, link, keeper }: Member): PaidWorker {
  return {
    id,
    receiptKey: () => {
      const lease = keeper.current()
      return lease && Buffer.from(lease.keyset.receipt.public_key, 'base64')
    },
    ask: (method, path, body) => link.ask(method, path, body),
  }
}

function renew(keeper: LeaseKeeper): Promise<Lease> {
  keeper.invalidate('the worker does not know its key any more')
  return keeper.ensure()
}

function offersOf(member: Member): ReadonlyMap<string, ModelOffer> {
  const lease = member.keeper.current()
  if (!lease) return new Map()
  if (member.models?.lease !== lease) {
    const offers = lease.keyset.models.map(({ id, context_length: contextLength, weights_digest: weights, endpoints: paths, offer }) => {
      return [id, { contextLength, weights, endpoints: new Set(paths), offer: toVector(offer) }] as const
    })
    member.models = { lease, offers: new Map(offers) }
  }
  return member.models.offers
}
