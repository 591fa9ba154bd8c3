/** Counts for Prometheus. No label comes from a request but a model's id, and that only where the keyset has it. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Verdict } from '../attestation/index.ts'
import type { RunOutcome } from './run.ts'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export class AgentMetrics {
  readonly registry = new Registry()
  readonly #requests = this.#counter('chrysalis_worker_requests_total', 'Sealed requests that were opened, by how they ended.', [
    'model',
    'finish',
    'cause',
  ])
  readonly #refused = this.#counter('chrysalis_worker_outer_refusals_total', 'Requests refused before they stood whole, by problem.', [
    'problem',
  ])
  readonly #tokens = this.#counter('chrysalis_worker_tokens_total', 'Tokens in signed receipts and last checkpoints.', ['model', 'class'])
  readonly #evidence = this.#counter('chrysalis_worker_evidence_total', 'Evidence documents asked for, by result.', ['result'])
  readonly #verdicts = this.#counter('chrysalis_worker_verdicts_total', 'What proxies said of the evidence, by code; `accepted` is good.', [
    'code',
  ])
  readonly #duration = new Histogram({
    name: 'chrysalis_worker_request_duration_seconds',
    help: 'From an opened request to its receipt.',
    labelNames: ['model'],
    buckets: seconds,
    registers: [this.registry],
  })
  readonly #firstByte = new Histogram({
    name: 'chrysalis_worker_time_to_first_token_seconds',
    help: 'From an opened request to the first byte of its answer.',
    labelNames: ['model'],
    buckets: seconds,
    registers: [this.registry],
  })

  /** `running` and `ready` are read at every scrape. */
  constructor(o: { running: () => number; ready: () => boolean }) {
    collectDefaultMetrics({ register: this.registry })
    this.#gauge('chrysalis_worker_requests_running', 'Requests that run now.', o.running)
    this.#gauge('chrysalis_worker_ready', '1 while the engine answers and a keyset stands.', () => (o.ready() ? 1 : 0))
  }

  ended(model: string, outcome: RunOutcome, durationMs: number): void {
    this.#requests.inc({ model, finish: outcome.finish, cause: outcome.cause ?? 'none' })
    this.#duration.observe({ model }, durationMs / 1_000)
    if (outcome.firstByteMs !== undefined) this.#firstByte.observe({ model }, outcome.firstByteMs / 1_000)
    for (const [kind, count] of Object.entries(outcome.usage)) if (count > 0) this.#tokens.inc({ model, class: kind }, count)
  }

  refused(problem: string): void {
    this.#refused.inc({ problem })
  }

  evidence(result: 'made' | 'limited' | 'failed'): void {
    this.#evidence.inc({ result })
  }

  verdict(verdict: Verdict): void {
    this.#verdicts.inc({ code: verdict.accepted ? 'accepted' : verdict.code })
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read())
      },
    })
  }
}
