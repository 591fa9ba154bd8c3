/**
 * `POST /v1/sealed` and its cancel: bytes in, {@link RequestOpener}, a {@link Run}, bytes out. Until the whole request stands
 * a refusal is a problem document; after it, everything is said in sealed frames (envelope spec, "Outer answers").
 */
import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { KeysetModel } from '../attestation/index.ts'
import {
  EnvelopeError,
  type EnvelopeLimits,
  type OpenedRequest,
  type Problem,
  problemOf,
  type ReplayMemory,
  RequestOpener,
  ResponseSealer,
} from '../envelope/index.ts'
import { BudgetShare, ByteBudget } from '../lib/byte-budget.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import { parseNanoton } from '../lib/nanoton.ts'
import { TurnShare } from '../lib/turn-share.ts'
import { isLargeRequest } from '../openai/index.ts'
import { type Mark, type PaidWork, PayError, type Payee, payHeader } from '../payouts/index.ts'
import type { EngineClient } from './engine-client.ts'
import type { Identity } from './identity.ts'
import type { AgentMetrics } from './metrics.ts'
import { payProblem } from './pay-desk.ts'
import { type Prepared, prepare, type Unprepared } from './prepare.ts'
import type { Preparer } from './preparer.ts'
import { Run, type RunOptions } from './run.ts'
import { SealedAnswer } from './sealed-answer.ts'

const envelopeType = 'application/chrysalis-envelope'
/** How long a refused sender may go on sending before its line is cut. */
const lingerMs = 500
/** A request that is no longer is read without asking whose turn it is. */
const inOneTurn = 128 * 1024

export interface SealedRequestsOptions {
  /** Undefined while no keyset stands. */
  readonly identity: () => Identity | undefined
  readonly replay: ReplayMemory
  readonly engine: EngineClient
  readonly preparer: Preparer
  readonly model: (id: string) => KeysetModel | undefined
  /** Who pays for work; undefined where it is done for nothing. */
  readonly payee: Payee | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: () => AgentMetrics
  readonly limits: RunOptions['limits'] & {
    readonly envelope: EnvelopeLimits
    /** Of all bodies that are held at once. */
    readonly bodiesBytes: number
    /** From the first byte of a request to its last. */
    readonly requestMs: number
    readonly maxRunning: number
  }
}

export class SealedRequests {
  readonly #options: SealedRequestsOptions
  readonly #runs = new Map<string, Run>()
  readonly #idle: (() => void)[] = []
  readonly #budget: ByteBudget
  readonly #turns = new TurnShare()
  readonly #saltKey = createSecretKey(randomBytes(32))
  #draining = false

  constructor(options: SealedRequestsOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.limits.bodiesBytes)
  }

  get running(): number {
    return this.#runs.size
  }

  /** Serves one `POST /v1/sealed` whole; settles when its answer has ended. Never throws. */
  async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const identity = this.#options.identity()
    const isFull = this.#runs.size >= this.#options.limits.maxRunning
    if (!identity || this.#draining || isFull) return this.#refuse(incoming, response, busy)
    if (mediaType(incoming) !== envelopeType) return this.#refuse(incoming, response, unsupported)
    const share = new BudgetShare(this.#budget)
    try {
      // Before anything is read: a request that nobody pays for takes no id, so that it may come again once it is paid for.
      const mark = this.#options.payee?.admit(header(incoming))
      const request = await this.#open(incoming, identity, share)
      if ('status' in request) this.#refuse(incoming, response, request)
      else if (this.#draining) this.#refuse(incoming, response, busy)
      else await this.#run(request, identity, response, this.#begin(mark, request))
    } catch (error) {
      if (!(error instanceof PayError)) throw error
      this.#refuse(incoming, response, payProblem(error))
    } finally {
      share.giveBack()
    }
  }

  /** Undefined where work is done for nothing. Throws {@link PayError}. */
  #begin(mark: Mark | undefined, { contextDigest, context }: OpenedRequest): PaidWork | undefined {
    return mark && this.#options.payee?.begin(mark, contextDigest, parseNanoton(context.cap))
  }

  /** Ends the answer of `rid` with what was made so far. False where no such request runs. */
  cancel(rid: string): boolean {
    const run = this.#runs.get(rid)
    run?.cancel()
    return run !== undefined
  }

  /** Takes no further request, gives the running ones `graceMs`, then ends them with an error. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true
    if (this.#runs.size === 0) return
    const idle = new Promise<void>(resolve => this.#idle.push(resolve))
    const timer = this.#options.clock.after(graceMs, () => {
      for (const run of this.#runs.values()) run.shutDown()
    })
    await idle
    timer.cancel()
  }

  /** The request, or why it is refused. What is larger than the memory that is left is not read. */
  async #open(incoming: IncomingMessage, { keyring }: Identity, share: BudgetShare): Promise<OpenedRequest | Problem> {
    const { replay, limits } = this.#options
    const declared = Number(incoming.headers['content-length'] ?? 0)
    if (!share.cover(Math.min(declared, limits.envelope.maxData))) return busy
    const opener = new RequestOpener({ keyring, replay, limits: limits.envelope, expectedBytes: declared })
    try {
      return await this.#read(incoming, opener, share)
    } catch (error) {
      opener.abandon()
      return error instanceof EnvelopeError ? problemOf(error) : internal
    }
  }

  /** Reads the whole request. Rejects with {@link EnvelopeError}; a sender that goes away or is too slow is `truncated`. */
  #read(incoming: IncomingMessage, opener: RequestOpener, share: BudgetShare): Promise<OpenedRequest> {
    const { maxData } = this.#options.limits.envelope
    let arrived = 0
    return new Promise((resolve, reject) => {
      const end = (action: () => void) => {
        timer.cancel()
        incoming.off('data', take).off('end', whole).off('close', gone).off('error', gone)
        try {
          action()
        } catch (error) {
          reject(error)
        }
      }
      const take = (chunk: Buffer) => {
        arrived += chunk.length
        try {
          if (!share.cover(Math.min(arrived, maxData))) throw new EnvelopeError('full', 'there is no memory for the request')
          opener.push(chunk)
          if (arrived > inOneTurn && !this.#turns.take(chunk.length, () => incoming.resume())) incoming.pause()
        } catch (error) {
          end(() => reject(error))
        }
      }
      const whole = () => end(() => resolve(opener.end()))
      const gone = () => end(() => reject(new EnvelopeError('truncated', 'the request was not sent to its end')))
      const timer = this.#options.clock.after(this.#options.limits.requestMs, gone)
      incoming.on('data', take).on('end', whole).on('close', gone).on('error', gone)
    })
  }

  async #run(request: OpenedRequest, identity: Identity, response: ServerResponse, work: PaidWork | undefined): Promise<void> {
    const { clock, engine, limits } = this.#options
    const { context } = request
    const started = clock.now()
    const generation = identity.generationOf(request.kid)
    const sealer = new ResponseSealer({
      request,
      receipt: generation.receiptKey,
      worker: generation.keyset.worker,
      keyset: generation.keysetDigest,
      started,
      now: () => clock.now(),
    })
    const answer = new SealedAnswer({ response, sealer, clock, stallMs: limits.stallMs })
    // What the caller attested is what it may use: a model that came later is in a later keyset.
    const isAttested = generation.keyset.models.some(({ id }) => id === context.model)
    const model = isAttested ? this.#options.model(context.model) : undefined
    const { contentType, body } = request
    const salt = this.#salt(context.channel)
    const run = new Run({
      request,
      answer,
      engine,
      prepare: () => this.#prepare({ context, contentType, body, model, salt }),
      clock,
      limits,
    })
    this.#runs.set(context.rid, run)
    answer.begin()
    run.start()
    const outcome = await run.outcome
    this.#runs.delete(context.rid)
    const offer = generation.keyset.models.find(({ id }) => id === context.model)?.offer
    work?.end(offer && { rid: context.rid, model: context.model, usage: outcome.usage, offer, finish: outcome.finish })
    const ms = clock.now() - started
    this.#options.metrics().ended(model?.id ?? 'none', outcome, ms)
    const { finish, status, usage, cause, firstByteMs } = outcome
    this.#options.logger.info(
      { rid: context.rid, model: model?.id ?? null, stream: context.stream, finish, status, cause, usage, firstByteMs, ms },
      'request',
    )
    if (this.#draining && this.#runs.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** A large body is parsed and written anew on another thread: it would hold up every other request here. */
  #prepare(request: Unprepared): Prepared | Promise<Prepared> {
    return isLargeRequest(request.body) ? this.#options.preparer.prepare(request) : prepare(request)
  }

  /** What an engine keeps its prompt cache apart by: one caller must not learn from the speed of an answer what another has asked. */
  #salt(channel: string): string {
    return createHmac('sha256', this.#saltKey).update(channel).digest('base64url')
  }

  #refuse(incoming: IncomingMessage, response: ServerResponse, problem: Problem): void {
    this.#options.metrics().refused(problem.type.slice('urn:chrysalis:'.length))
    sendProblem(response, problem)
    if (incoming.readableEnded) return
    // The sender may still be sending. Closing on it would take the answer from it, so it is heard out for a moment first.
    const end = () => {
      timer.cancel()
      response.end()
    }
    const timer = this.#options.clock.after(lingerMs, end)
    incoming.on('end', end).on('close', end).on('error', end).resume()
  }
}

const busy: Problem = { type: 'urn:chrysalis:busy', title: 'No request can be taken now', status: 503 }
const unsupported: Problem = { type: 'urn:chrysalis:unsupported-media-type', title: `The request must be ${envelopeType}`, status: 415 }
const internal: Problem = { type: 'urn:chrysalis:internal', title: 'The request failed', status: 500 }

/** Answers with a problem document (RFC 9457). Where the request has not been read to its end, whoever refuses it ends the answer. */
function sendProblem(response: ServerResponse, problem: Problem): void {
  if (response.headersSent || response.destroyed) return
  const isRead = response.req.readableEnded
  const body = Buffer.from(JSON.stringify(problem))
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store, no-transform',
    'content-length': body.length,
    ...(isRead ? {} : { connection: 'close' }),
  })
  if (isRead) response.end(body)
  else response.write(body)
}

function header(incoming: IncomingMessage): string | undefined {
  const value = incoming.headers[payHeader]
  return typeof value === 'string' ? value : undefined
}

function mediaType(incoming: IncomingMessage): string {
  return (incoming.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
}
