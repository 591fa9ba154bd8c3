/**
 * The way of a request, on one screen: find the model, compute the worst case, reserve it, choose a worker with a live
 * lease, seal and send, pass the answer on, post what the receipt says, release the rest. Whatever fails on the way, the
 * reservation ends: posted with what a worker signed for, or voided.
 */
import { randomBytes } from 'node:crypto'
import type { Lease } from '../attestation/index.ts'
import { EnvelopeError, type Receipt, type RequestContext } from '../envelope/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { type Nanoton, zero } from '../lib/nanoton.ts'
import { LinkError, type SenderSessions, type WorkerLink } from '../link/index.ts'
import { type PriceTable, type WorstCase, worstCase } from '../metering/index.ts'
import type { Endpoint, Facts } from '../openai/index.ts'
import { earningOf, type PayHold } from '../payouts/index.ts'
import type { Assignment, NoWorker, PriceVector, Registry } from '../scheduler/index.ts'
import type { Answer } from './answer.ts'
import { Attempt, type AttemptOutcome, type Charge } from './attempt.ts'
import { ApiError } from './errors.ts'
import type { RequestMetrics } from './metrics.ts'
import { noWorkerError } from './no-worker.ts'
import { callerError, causeOf, isOurs, isUnknownKey, isUnpaid, reachedWorker, worthAnotherWorker } from './outcome.ts'

/** A worker as a request meets it. */
export interface WorkerPort {
  readonly link: WorkerLink
  /** The live lease, if there is one now. */
  lease(): Lease | undefined
  /** Verifies the worker anew, over a fresh nonce. Throws where it does not pass. */
  renew(): Promise<Lease>
  /** Sets aside what a request may earn the worker; `unpayable` where its channel does not cover that, undefined where it works for nothing. */
  pay?(cap: Nanoton): PayHold | 'unpayable'
}

export interface InferenceOptions {
  readonly ledger: Ledger
  readonly registry: Registry
  readonly workers: ReadonlyMap<string, WorkerPort>
  readonly sessions: SenderSessions
  readonly prices: PriceTable
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: RequestMetrics
  readonly limits: { readonly cancelMs: number; readonly totalMs: number }
  /** `tdx`, or `simulated` where the root of trust is a development one. */
  readonly tee: 'tdx' | 'simulated'
}

/** A checked request of a known account. */
export interface InferenceRequest {
  readonly requestId: string
  /** What the caller calls it; for the log. */
  readonly clientRequestId?: string | undefined
  readonly channel: string
  /** The hash of the API key, whose own limits count too. */
  readonly key: string
  readonly endpoint: Endpoint
  readonly facts: Facts
  readonly contentType: string
  readonly body: Buffer
  /** A digest of what the caller named the request, where it did: it is charged once under that name, whatever happens. */
  readonly once?: string | undefined
  /** Hears the most tokens the request can take, before money is reserved. What it throws refuses the request. */
  admit(tokens: number): void
  /** Hears that an answer is on its way to the caller: `body` is read no more. */
  begun(): void
  /** Hears once what a worker has signed for; not where nothing is charged. */
  charged(receipt: Receipt): void
}

/** One request while it is served. */
interface Run {
  readonly request: InferenceRequest
  readonly answer: Answer
  readonly rid: string
  readonly bound: WorstCase
  readonly price: RequestContext['price']
  readonly priceVector: PriceVector
  readonly startedAt: number
  attempt: Attempt | undefined
}

export class Inference {
  readonly #options: InferenceOptions
  readonly #running = new Set<Promise<void>>()
  #draining = false

  constructor(options: InferenceOptions) {
    this.#options = options
  }

  /** Serves `request` into `answer`. Throws {@link ApiError} or `WorkerReportedError` only while nothing of an answer is on its way. */
  async run(request: InferenceRequest, answer: Answer): Promise<void> {
    if (this.#draining) throw new ApiError('shutting_down', 'The proxy is shutting down.', { headers: { 'retry-after-ms': '2000' } })
    const serving = this.#reserveAndServe(request, answer)
    const settled = serving.then(
      () => {},
      () => {},
    )
    this.#running.add(settled)
    void settled.then(() => this.#running.delete(settled))
    await serving
  }

  /** Takes no further request and waits for the running ones. */
  async drain(): Promise<void> {
    this.#draining = true
    await Promise.all(this.#running)
  }

  async #reserveAndServe(request: InferenceRequest, answer: Answer): Promise<void> {
    await this.#serve(await this.#reserve(request, answer))
  }

  async #reserve(request: InferenceRequest, answer: Answer): Promise<Run> {
    const { ledger, registry, prices, clock } = this.#options
    const { endpoint, facts, body } = request
    const { model } = facts
    const priceVector = prices.vectorFor(model, endpoint.charges)
    const served = registry.models().get(model)
    if (!served?.endpoints.has(endpoint.path))
      throw this.#noWorker(request, registry.assign({ model, endpoint: endpoint.path, price: priceVector, tried: new Set() }, 0))
    if (!prices.sells(model, endpoint.charges)) throw noWorkerError(this.#options, request, 'unserved-endpoint')
    const price = prices.for(model)
    const bound = worstCase({ bodyBytes: body.length, facts, contextLength: served.contextLength, price })
    const rid = randomBytes(16).toString('base64url')
    request.admit(bound.tokens)
    const reservation = {
      rid,
      channel: request.channel,
      key: request.key,
      amount: bound.cap,
      expiresAt: clock.now() + this.#options.limits.totalMs + 60_000,
    }
    if (request.once === undefined) ledger.reserve(reservation)
    else await ledger.reserveOnce(reservation, request.once)
    return { request, answer, rid, bound, price, priceVector, startedAt: clock.now(), attempt: undefined }
  }

  async #serve(run: Run): Promise<void> {
    run.answer.onGone(() => run.attempt?.cancel())
    run.answer.onDrain(() => run.attempt?.resume())
    let open = true
    try {
      const outcome = await this.#attempts(run)
      open = false
      this.#conclude(run, outcome)
    } finally {
      if (open) this.#options.ledger.void(run.rid)
    }
  }

  /** At most two workers, and only while no byte of an answer is on its way. A worker that lost its key is verified anew and asked once more. */
  async #attempts(run: Run): Promise<{ worker: string; outcome: AttemptOutcome }> {
    const tried = new Set<string>()
    let last: { worker: string; outcome: AttemptOutcome } | undefined
    for (;;) {
      const { endpoint, facts } = run.request
      const demand = { model: facts.model, endpoint: endpoint.path, price: run.priceVector, tried }
      const place = this.#options.registry.assign(demand, run.bound.tokens)
      if (!('worker' in place)) {
        if (last) return last
        throw this.#noWorker(run.request, place)
      }
      const outcome = await this.#attemptAt(place, run)
      last = { worker: place.worker, outcome }
      tried.add(place.worker)
      if (tried.size === 2 || run.answer.begun || run.answer.gone || !worthAnotherWorker(outcome)) return last
      this.#options.logger.warn(
        { requestId: run.request.requestId, rid: run.rid, worker: place.worker, cause: causeOf(outcome) },
        'another worker is tried',
      )
    }
  }

  async #attemptAt(place: Assignment, run: Run): Promise<AttemptOutcome> {
    const worker = this.#options.workers.get(place.worker)!
    let hold: PayHold | undefined
    try {
      let lease = worker.lease()
      if (!lease) throw new LinkError('withdrawn', 'the lease ended')
      const paid = worker.pay?.(run.bound.cap)
      if (paid === 'unpayable') throw new LinkError('unpayable', 'the channel to the worker does not cover the request')
      hold = paid
      let outcome = await this.#attempt(worker, lease, run, hold)
      if (isUnknownKey(outcome) && !run.answer.gone) {
        // The same rid must not run twice under one session, whatever keys the new evidence shows.
        for (const key of lease.keyset.hpke) this.#options.sessions.forget(Buffer.from(key.kid, 'hex'))
        lease = await worker.renew()
        outcome = await this.#attempt(worker, lease, run, hold)
      }
      if (isUnpaid(outcome)) hold?.refused()
      else hold?.end(earnedBy(outcome, lease, run))
      place.release(run.answer.gone || isOurs(outcome) ? 'left' : worthAnotherWorker(outcome) ? 'failed' : 'served')
      return outcome
    } catch (cause) {
      const error =
        cause instanceof LinkError || cause instanceof EnvelopeError
          ? cause
          : new LinkError('unreachable', 'the worker cannot be asked', { cause })
      const outcome = { kind: 'lost', error, charge: undefined } as const
      hold?.end(undefined)
      place.release(isOurs(outcome) ? 'left' : 'failed')
      return outcome
    }
  }

  #attempt(worker: WorkerPort, lease: Lease, run: Run, hold: PayHold | undefined): Promise<AttemptOutcome> {
    const { clock, sessions, limits } = this.#options
    const { endpoint, facts, channel, contentType, body } = run.request
    const weights = lease.keyset.models.find(model => model.id === facts.model)?.weights_digest ?? null
    const context: RequestContext = {
      rid: run.rid,
      ts: clock.now(),
      path: endpoint.path,
      model: facts.model,
      stream: facts.stream,
      channel,
      cap: run.bound.cap.toString(),
      price: run.price,
      pad: 'off',
      weights,
      payer: null,
    }
    const attempt = new Attempt(
      { lease, link: worker.link, liveLease: () => worker.lease(), hold, sessions, context, contentType, body, clock, ...limits },
      {
        head: (status, contentType) => {
          this.#options.metrics.firstByte(facts.model, clock.now() - run.startedAt)
          run.answer.begin({ status, contentType, headers: this.#headers(run, lease) })
          if (run.answer.begun) run.request.begun()
        },
        data: bytes => run.answer.write(bytes),
      },
    )
    run.attempt = attempt
    if (run.answer.gone) attempt.cancel()
    return attempt.outcome
  }

  #headers(run: Run, lease: Lease): Record<string, string> {
    return {
      'x-chrysalis-receipt': run.rid,
      'x-chrysalis-worker': lease.worker,
      'x-chrysalis-evidence': lease.keysetDigest,
      'x-chrysalis-tee': this.#options.tee,
      'server-timing': `head;dur=${this.#options.clock.now() - run.startedAt}`,
    }
  }

  /** Ends the reservation first, the answer after: the charge is visible before the answer's last byte is sent. */
  #conclude(run: Run, { worker, outcome }: { worker: string; outcome: AttemptOutcome }): void {
    const { ledger } = this.#options
    if (outcome.charge) this.#post(run, worker, outcome.charge)
    else ledger.void(run.rid)
    this.#log(run, worker, outcome)
    if (outcome.kind === 'answered') {
      run.answer.finish()
      return
    }
    const error = callerError(outcome, run.rid)
    if (!run.answer.begun && !run.answer.gone) throw error
    run.answer.fail(error.body.error)
  }

  #post(run: Run, worker: string, charge: Charge): void {
    const { receipt, payload } = charge
    const entry = {
      rid: run.rid,
      cost: BigInt(receipt.cost) as Nanoton,
      receipt: payload,
      usage: receipt.usage,
      model: receipt.model,
      worker,
      evidence: receipt.keyset,
      finish: receipt.finish,
    }
    // Durability follows right after; a failing store stops new reservations by itself.
    this.#options.ledger.post(entry).catch(cause => this.#options.logger.error({ rid: run.rid, cause }, 'a posted charge is not durable'))
    run.request.charged(receipt)
    this.#options.metrics.charged(receipt.model, receipt.usage, receipt.cost)
  }

  #log(run: Run, worker: string, outcome: AttemptOutcome): void {
    const { requestId, clientRequestId, endpoint, facts } = run.request
    const { model, stream } = facts
    const receipt = outcome.charge?.receipt
    const line = {
      requestId,
      clientRequestId,
      rid: run.rid,
      endpoint: endpoint.path,
      model,
      stream,
      worker,
      kind: outcome.kind,
      cause: causeOf(outcome),
      usage: receipt?.usage,
      cost: receipt?.cost,
      finish: receipt?.finish,
      left: run.answer.gone,
      ms: this.#options.clock.now() - run.startedAt,
    }
    this.#options.logger[outcome.kind === 'lost' && !run.answer.gone ? 'warn' : 'info'](line, 'request')
    this.#options.metrics.ended(model, run.answer.gone ? 'left' : outcome.kind, this.#options.clock.now() - run.startedAt)
  }

  #noWorker(request: InferenceRequest, place: NoWorker | Assignment): ApiError {
    if ('worker' in place) place.release('left')
    return noWorkerError(this.#options, request, 'worker' in place ? 'none' : place.reason)
  }
}

/** What the worker earned by its own offer, for what it signed for: nothing where nothing of it arrived. Undefined where it never had the request. */
function earnedBy(outcome: AttemptOutcome, lease: Lease, { rid, request }: Run): { rid: string; amount: Nanoton } | undefined {
  if (!reachedWorker(outcome)) return undefined
  const offer = lease.keyset.models.find(({ id }) => id === request.facts.model)?.offer
  const usage = outcome.charge?.receipt.usage
  return { rid, amount: offer && usage ? earningOf(usage, offer) : zero }
}
