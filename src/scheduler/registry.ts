/** The workers this proxy knows, what runs at each of them, and how the next one is chosen. */
import { Breaker } from './breaker.ts'
import { type Demand, filter, type ModelOffer, pick, type Refusal, type WorkerView } from './candidates.ts'

/** What the composition root adds for a worker: its lease's models and end, read at each choice so that nothing is served from a stale copy. */
export interface LeaseSource {
  models(): ReadonlyMap<string, ModelOffer>
  expiresAt(): number
}

/** A worker's place for one request. `release` must be called exactly once, whatever happened. */
export interface Assignment {
  readonly worker: string
  release(outcome: 'served' | 'failed' | 'left'): void
}

/**
 * Why nobody could be chosen. `unknown-model`: no worker has ever served it; `unserved-endpoint`: it is served now, and nowhere
 * at this path; `none`: some did, or nobody can say, and none may now.
 */
export interface NoWorker {
  readonly reason: 'unknown-model' | 'unserved-endpoint' | 'none'
  readonly refused: ReadonlyMap<string, Refusal>
}

interface Entry {
  readonly id: string
  readonly lease: LeaseSource
  readonly breaker: Breaker
  /** Models seen under any lease of this worker, so that a lapse of attestation is not mistaken for an unknown model. */
  readonly everServed: Set<string>
  running: number
  outstandingTokens: number
}

export class Registry {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number
  readonly #draw: () => number

  constructor(options: { now: () => number; draw?: () => number }) {
    this.#now = options.now
    this.#draw = options.draw ?? Math.random
  }

  add(id: string, lease: LeaseSource): void {
    this.#entries.set(id, { id, lease, breaker: new Breaker(), everServed: new Set(), running: 0, outstandingTokens: 0 })
  }

  /** Chooses a worker and takes a place there for at most `tokens` tokens. */
  assign(demand: Demand, tokens: number): Assignment | NoWorker {
    const { eligible, refused } = filter(this.views(), demand, this.#now())
    const chosen = pick(eligible, this.#draw)
    if (!chosen) return { reason: this.#whyNobody(demand), refused }
    return this.#take(this.#entries.get(chosen.id)!, tokens)
  }

  #take(entry: Entry, tokens: number): Assignment {
    entry.running += 1
    entry.outstandingTokens += tokens
    let held = true
    return {
      worker: entry.id,
      release: outcome => {
        if (!held) return
        held = false
        entry.running -= 1
        entry.outstandingTokens -= tokens
        if (outcome === 'served') entry.breaker.succeed()
        else if (outcome === 'failed') entry.breaker.fail(this.#now())
      },
    }
  }

  /** While no lease is live at all, nobody can say that a model is unknown. */
  #whyNobody({ model, endpoint }: Demand): NoWorker['reason'] {
    const models = this.models()
    const served = models.get(model)
    if (served) return endpoint === undefined || served.endpoints.has(endpoint) ? 'none' : 'unserved-endpoint'
    const isKnown = models.size === 0 || this.#entries.values().some(entry => entry.everServed.has(model))
    return isKnown ? 'none' : 'unknown-model'
  }

  /** All workers as the scheduler sees them now. */
  views(): WorkerView[] {
    return Array.from(this.#entries.values(), entry => ({
      id: entry.id,
      models: entry.lease.models(),
      leaseExpiresAt: entry.lease.expiresAt(),
      restsUntil: entry.breaker.restsUntil,
      running: entry.running,
      outstandingTokens: entry.outstandingTokens,
    }))
  }

  /** Models that a live lease serves now, each with the longest context any worker gives it and all the paths. */
  models(): Map<string, ModelOffer> {
    const now = this.#now()
    const models = new Map<string, ModelOffer>()
    for (const entry of this.#entries.values()) {
      for (const [id, offer] of entry.lease.models()) {
        entry.everServed.add(id)
        const known = models.get(id)
        if (entry.lease.expiresAt() > now) models.set(id, known ? together(known, offer) : offer)
      }
    }
    return models
  }
}

function together(a: ModelOffer, b: ModelOffer): ModelOffer {
  const longer = a.contextLength < b.contextLength ? b : a
  return a.endpoints === b.endpoints ? longer : { ...longer, endpoints: a.endpoints.union(b.endpoints) }
}
