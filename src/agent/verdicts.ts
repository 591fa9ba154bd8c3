/**
 * Verdicts of proxies on this worker's evidence. Nobody proves who he is who sends one, so that it must name a nonce that evidence
 * was made over just now, counts once, and changes nothing but what the owner reads.
 */
import { LRUCache } from 'lru-cache'
import { type Verdict, workerAdvice } from '../attestation/index.ts'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import type { AgentMetrics } from './metrics.ts'

const mostAwaited = 1_024
const awaitedMs = 60_000

export class Verdicts {
  readonly #awaited: LRUCache<string, true>
  readonly #logger: Logger
  readonly #metrics: Pick<AgentMetrics, 'verdict'>
  #wasAccepted = false

  constructor({ clock, logger, metrics }: { clock: Clock; logger: Logger; metrics: Pick<AgentMetrics, 'verdict'> }) {
    this.#awaited = new LRUCache({ max: mostAwaited, ttl: awaitedMs, ttlResolution: 0, perf: { now: () => clock.now() } })
    this.#logger = logger
    this.#metrics = metrics
  }

  /** Evidence over `nonce` was made, and is judged somewhere now. */
  await(nonce: Uint8Array): void {
    this.#awaited.set(toHex(nonce), true)
  }

  /** Takes a verdict. False where its nonce is none of the last minute's, or had its verdict. */
  take(verdict: Verdict): boolean {
    const nonce = toHex(verdict.nonce)
    if (!this.#awaited.has(nonce)) return false
    this.#awaited.delete(nonce)
    this.#metrics.verdict(verdict)
    if (verdict.accepted) this.#logger[this.#wasAccepted ? 'debug' : 'info']({ until: verdict.until }, 'a proxy accepts this worker')
    else {
      const { code, reasons } = verdict
      this.#logger.warn({ code, reasons, advice: workerAdvice(code) }, 'a proxy does not accept this worker')
    }
    this.#wasAccepted = verdict.accepted
    return true
  }
}
