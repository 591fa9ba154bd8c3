/** What the proxy counts. Labels come from our own configuration and code, never from a caller's text. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Usage } from '../envelope/index.ts'

export interface RequestMetrics {
  firstByte(model: string, ms: number): void
  charged(model: string, usage: Usage, costNanoton: string): void
  ended(model: string, outcome: 'answered' | 'reported' | 'lost' | 'left', ms: number): void
}

/** How one worker stands. Its id is our own configuration's, and the names of checks are our own code's. */
export interface WorkerMetrics {
  readonly id: string
  /** End of the live lease, ms since the epoch; undefined where there is none. */
  readonly leaseEndsAt: number | undefined
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[]
}

/** Gauges that are read when somebody asks. */
export interface MetricSources {
  leases(): { live: number; known: number }
  workers(): Iterable<WorkerMetrics>
  running(): number
  /** The endpoints of the chain. Their names are our own configuration's. */
  chain(): Iterable<ChainEndpointMetrics>
}

export interface ChainEndpointMetrics {
  readonly name: string
  readonly up: boolean
  readonly lagSeconds: number | undefined
  readonly disagreements: number
}

export class Metrics implements RequestMetrics {
  readonly registry = new Registry()
  readonly #firstByte: Histogram<'model'>
  readonly #duration: Histogram<'model' | 'outcome'>
  readonly #tokens: Counter<'model' | 'class'>
  readonly #charged: Counter<'model'>
  readonly #refused: Counter<'code'>
  readonly #verdicts: Counter<'worker' | 'code'>

  constructor(sources: MetricSources) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    this.#firstByte = new Histogram({
      name: 'chrysalis_time_to_first_byte_seconds',
      help: 'From the reservation to the first byte of the answer',
      labelNames: ['model'],
      registers,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    })
    this.#duration = new Histogram({
      name: 'chrysalis_request_duration_seconds',
      help: 'From the reservation to the end of the answer',
      labelNames: ['model', 'outcome'],
      registers,
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    })
    this.#tokens = new Counter({
      name: 'chrysalis_tokens_total',
      help: 'Tokens, and other units, in receipts and charged checkpoints',
      labelNames: ['model', 'class'],
      registers,
    })
    this.#charged = new Counter({
      name: 'chrysalis_charged_nanoton_total',
      help: 'nanoTON posted to accounts',
      labelNames: ['model'],
      registers,
    })
    this.#verdicts = new Counter({
      name: 'chrysalis_worker_verdicts_total',
      help: 'What came of the evidence of a worker, by code; `accepted` is good',
      labelNames: ['worker', 'code'],
      registers,
    })
    this.#refused = new Counter({
      name: 'chrysalis_refused_total',
      help: 'Requests refused by the proxy, by code',
      labelNames: ['code'],
      registers,
    })
    new Gauge({
      name: 'chrysalis_workers',
      help: 'Workers by state of their lease',
      labelNames: ['lease'],
      registers,
      collect() {
        const { live, known } = sources.leases()
        this.set({ lease: 'live' }, live)
        this.set({ lease: 'none' }, known - live)
      },
    })
    new Gauge({
      name: 'chrysalis_worker_lease_end_seconds',
      help: 'When the live lease of a worker ends, seconds since the epoch; 0 where none is live',
      labelNames: ['worker'],
      registers,
      collect() {
        for (const { id, leaseEndsAt = 0 } of sources.workers()) this.set({ worker: id }, leaseEndsAt / 1000)
      },
    })
    new Gauge({
      name: 'chrysalis_worker_check',
      help: 'What was checked of a worker the last time its evidence was judged: 1 passed, 0 failed',
      labelNames: ['worker', 'check'],
      registers,
      collect() {
        this.reset()
        for (const { id, checks } of sources.workers()) for (const { name, ok } of checks) this.set({ worker: id, check: name }, ok ? 1 : 0)
      },
    })
    new Gauge({
      name: 'chrysalis_chain_endpoint_up',
      help: 'Whether the last answer of an endpoint of the chain came: 1 yes, 0 no',
      labelNames: ['endpoint'],
      registers,
      collect() {
        for (const { name, up } of sources.chain()) this.set({ endpoint: name }, up ? 1 : 0)
      },
    })
    new Gauge({
      name: 'chrysalis_chain_endpoint_lag_seconds',
      help: 'How old the newest block is that an endpoint of the chain has shown',
      labelNames: ['endpoint'],
      registers,
      collect() {
        for (const { name, lagSeconds } of sources.chain()) if (lagSeconds !== undefined) this.set({ endpoint: name }, lagSeconds)
      },
    })
    new Gauge({
      name: 'chrysalis_chain_endpoint_disagreements',
      help: 'How often an endpoint of the chain contradicted the others, or stayed behind them, since the start',
      labelNames: ['endpoint'],
      registers,
      collect() {
        for (const { name, disagreements } of sources.chain()) this.set({ endpoint: name }, disagreements)
      },
    })
    new Gauge({
      name: 'chrysalis_requests_running',
      help: 'Requests at workers now',
      registers,
      collect() {
        this.set(sources.running())
      },
    })
  }

  firstByte(model: string, ms: number): void {
    this.#firstByte.observe({ model }, ms / 1000)
  }

  charged(model: string, usage: Usage, costNanoton: string): void {
    for (const [kind, count] of Object.entries(usage)) if (count > 0) this.#tokens.inc({ model, class: kind }, count)
    this.#charged.inc({ model }, Number(costNanoton))
  }

  ended(model: string, outcome: 'answered' | 'reported' | 'lost' | 'left', ms: number): void {
    this.#duration.observe({ model, outcome }, ms / 1000)
  }

  /** The evidence of `worker` was judged: `accepted`, or an attestation error code. */
  judged(worker: string, code: string): void {
    this.#verdicts.inc({ worker, code })
  }

  refused(code: string): void {
    this.#refused.inc({ code })
  }
}
