/**
 * Which worker gets a request? Three pure steps over what is known of the workers right now: `filter` drops those that may
 * not have it, each with its reason, `score` says how much work is before it at the rest, `pick` takes the least.
 */

/** What the scheduler knows of a worker. The composition root fills it from the worker's lease; nothing here is the worker's own word of the moment. */
export interface WorkerView {
  readonly id: string
  /** Models in the keyset of the live lease; empty where no lease is live. */
  readonly models: ReadonlyMap<string, ModelOffer>
  /** When the lease ends, ms since the epoch; 0 where there is none. */
  readonly leaseExpiresAt: number
  /** When the breaker lets the next request through; 0 while closed. */
  readonly restsUntil: number
  /** Requests at the worker now, and the tokens they may still make at worst. */
  readonly running: number
  readonly outstandingTokens: number
}

/** What a worker asks for one model, and how long its prompts may be. */
export interface ModelOffer {
  readonly contextLength: number
  readonly weights: string | null
  /** Paths that are served for it. */
  readonly endpoints: ReadonlySet<string>
  readonly offer: PriceVector
}

/** nanoTON per million of each unit. A unit that is not sold is absent. */
export interface PriceVector {
  readonly prompt: bigint
  readonly cached: bigint
  readonly completion: bigint
  readonly reasoning: bigint
  readonly images?: bigint
  readonly characters?: bigint
  readonly seconds?: bigint
}

export interface Demand {
  readonly model: string
  /** The path that is asked for; undefined where any will do. */
  readonly endpoint: string | undefined
  /** What the caller pays, in the units that the path is charged by; a worker that asks for more in any of them is not asked. */
  readonly price: PriceVector
  /** Workers that already failed this request. */
  readonly tried: ReadonlySet<string>
}

/** Why a worker may not have a request. */
export type Refusal = 'no-lease' | 'model' | 'endpoint' | 'price' | 'resting' | 'tried'

export interface Filtered {
  readonly eligible: readonly WorkerView[]
  readonly refused: ReadonlyMap<string, Refusal>
}

/** Keeps the workers that may have the request at time `now` (ms). */
export function filter(workers: Iterable<WorkerView>, demand: Demand, now: number): Filtered {
  const eligible: WorkerView[] = []
  const refused = new Map<string, Refusal>()
  for (const worker of workers) {
    const refusal = refuse(worker, demand, now)
    if (refusal) refused.set(worker.id, refusal)
    else eligible.push(worker)
  }
  return { eligible, refused }
}

function refuse(worker: WorkerView, demand: Demand, now: number): Refusal | undefined {
  if (demand.tried.has(worker.id)) return 'tried'
  if (worker.leaseExpiresAt <= now) return 'no-lease'
  const served = worker.models.get(demand.model)
  if (!served) return 'model'
  if (demand.endpoint !== undefined && !served.endpoints.has(demand.endpoint)) return 'endpoint'
  if (!covers(demand.price, served.offer)) return 'price'
  if (worker.restsUntil > now) return 'resting'
  return undefined
}

const units = ['prompt', 'cached', 'completion', 'reasoning', 'images', 'characters', 'seconds'] as const

function covers(price: PriceVector, offer: PriceVector): boolean {
  return units.every(unit => price[unit] === undefined || price[unit] >= (offer[unit] ?? 0n))
}

/** Outstanding work: tokens still to make, then requests running. Lower is better. */
export function score(worker: WorkerView): readonly [tokens: number, requests: number] {
  return [worker.outstandingTokens, worker.running]
}

/** The worker with the least outstanding work; `draw` (0 to 1) decides between equals. Undefined where nobody is eligible. */
export function pick(eligible: readonly WorkerView[], draw: () => number): WorkerView | undefined {
  let best: WorkerView[] = []
  for (const worker of eligible) {
    const order = best[0] ? compare(score(worker), score(best[0])) : -1
    if (order < 0) best = [worker]
    else if (order === 0) best.push(worker)
  }
  return best.length > 1 ? best[Math.floor(draw() * best.length)] : best[0]
}

function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1]
}
