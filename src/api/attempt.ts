/**
 * One attempt at one worker: seal, send, open what comes back, and tell how it ended. Text is handed on as frames open;
 * money moves only on the outcome, after the receipt's signature and every member of it were checked.
 */
import type { Lease } from '../attestation/index.ts'
import {
  EnvelopeError,
  type Finish,
  kemXWing,
  type OpenAIErrorObject,
  type Receipt,
  type RequestContext,
  type ResponseEvent,
  ResponseOpener,
  type SealedRequest,
  sealRequest,
  type Usage,
  verifyCheckpoint,
  verifyReceipt,
} from '../envelope/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { type LinkCall, LinkError, type SenderSessions, type WorkerLink } from '../link/index.ts'
import { type PayHold, payHeader } from '../payouts/index.ts'

/** How an attempt ended. `charge` is what the worker has signed for; absent where nothing it signed can be believed. */
export type AttemptOutcome =
  | { readonly kind: 'answered'; readonly charge: Charge }
  | { readonly kind: 'reported'; readonly status: number; readonly error: OpenAIErrorObject; readonly charge: Charge }
  | { readonly kind: 'lost'; readonly error: LinkError | EnvelopeError; readonly charge: Charge | undefined }

/** A signed statement of work: a receipt, or the last checkpoint of a stream that broke. */
export interface Charge {
  readonly payload: Uint8Array
  readonly receipt: Receipt
}

/** What an attempt tells while it runs. */
export interface AttemptEvents {
  head(status: number, contentType: string): void
  /** False asks for a pause until {@link Attempt.resume}. */
  data(bytes: Uint8Array): boolean
}

export interface AttemptOptions {
  readonly lease: Lease
  readonly link: WorkerLink
  /** The worker's live lease at any moment, as far as it has one: nothing more is sent once its keys are not these any more. */
  readonly liveLease: () => Lease | undefined
  /** What says that the worker is paid for it; undefined where it works for nothing. */
  readonly hold: PayHold | undefined
  readonly sessions: SenderSessions
  readonly context: RequestContext
  readonly contentType: string
  readonly body: Buffer
  readonly clock: Clock
  /** How long a cancelled worker may take to end its answer with a receipt, and how long the whole answer may take. */
  readonly cancelMs: number
  readonly totalMs: number
}

export class Attempt {
  readonly outcome: Promise<AttemptOutcome>
  readonly #options: AttemptOptions
  readonly #events: AttemptEvents
  readonly #sealed: SealedRequest
  readonly #opener: ResponseOpener
  readonly #call: LinkCall
  #settle!: (outcome: AttemptOutcome) => void
  #settled = false
  #cancelled = false
  #limit: Timer | undefined
  #checkpoint: { payload: Buffer; transcript: Buffer } | undefined
  #usage: Usage | undefined
  #finish: Finish | undefined
  #reported: { status: number; error: OpenAIErrorObject } | undefined
  #charge: Charge | undefined

  constructor(options: AttemptOptions, events: AttemptEvents) {
    this.#options = options
    this.#events = events
    this.outcome = new Promise(resolve => {
      this.#settle = resolve
    })
    const recipient = recipientKey(options.lease)
    const session = options.sessions.for(recipient)
    this.#sealed = sealRequest({ context: options.context, sessions: [session], contentType: options.contentType, body: options.body })
    this.#opener = new ResponseOpener(this.#sealed)
    this.#limit = options.clock.after(options.totalMs, () => this.#lose(new LinkError('timeout', 'the answer took too long')))
    const kid = recipient.kid.toString('hex')
    this.#call = options.link.send(
      this.#sealed,
      { data: chunk => this.#data(chunk), end: () => this.#end(), fail: error => this.#lose(error) },
      () => options.liveLease()?.keyset.hpke.some(key => key.kid === kid) ?? false,
      options.hold && { [payHeader]: options.hold.mark(this.#sealed.contextDigest) },
    )
  }

  resume(): void {
    this.#call.resume()
  }

  /** The caller went away: the worker is asked to stop, and its receipt for what was made is awaited for a while. */
  cancel(): void {
    if (this.#cancelled || this.#settled) return
    this.#cancelled = true
    if (!this.#sealed.isWhole) {
      // What the worker does not have whole it does not work on.
      this.#lose(new LinkError('broken', 'the caller left before the request was sent'))
      return
    }
    this.#call.resume()
    void this.#options.link.cancel(this.#options.context.rid)
    this.#limit?.cancel()
    this.#limit = this.#options.clock.after(this.#options.cancelMs, () =>
      this.#lose(new LinkError('timeout', 'the worker did not end a cancelled answer')),
    )
  }

  #data(chunk: Buffer): boolean {
    if (this.#settled) return true
    let flowing = true
    try {
      for (const event of this.#opener.push(chunk)) flowing = this.#event(event) && flowing
    } catch (error) {
      this.#lose(asEnvelopeError(error))
    }
    return flowing
  }

  #event(event: ResponseEvent): boolean {
    switch (event.type) {
      case 'head':
        this.#events.head(event.status, event.contentType)
        return true
      case 'data':
        return this.#cancelled || this.#events.data(event.bytes)
      case 'checkpoint':
        this.#checkpoint = event
        return true
      case 'final':
        this.#usage = event.usage
        this.#finish = event.finish
        return true
      case 'error':
        this.#usage = event.usage
        this.#reported = { status: event.status, error: event.error }
        return true
      case 'receipt':
        this.#charge = { payload: event.payload, receipt: this.#verifyReceipt(event.payload, event.transcript) }
        return true
    }
  }

  #verifyReceipt(payload: Uint8Array, transcript: Buffer): Receipt {
    const finish = this.#reported ? 'error' : this.#finish
    return verifyReceipt(payload, receiptKey(this.#options.lease), {
      ...this.#expected(),
      transcript: transcript.toString('hex'),
      usage: this.#usage!,
      finish: finish!,
    })
  }

  #expected() {
    const { context, lease } = this.#options
    return {
      rid: context.rid,
      worker: lease.worker,
      keyset: lease.keysetDigest,
      model: context.model,
      weights: context.weights,
      ctx: this.#sealed.contextDigest.toString('hex'),
      request: this.#sealed.requestDigest.toString('hex'),
      channel: context.channel,
      price: context.price,
      cap: context.cap,
    }
  }

  #end(): void {
    if (this.#settled) return
    try {
      this.#opener.end()
    } catch (error) {
      this.#lose(asEnvelopeError(error))
      return
    }
    const charge = this.#charge!
    this.#conclude(this.#reported ? { kind: 'reported', ...this.#reported, charge } : { kind: 'answered', charge })
  }

  #lose(error: LinkError | EnvelopeError): void {
    if (this.#settled) return
    this.#call?.abort()
    this.#conclude({ kind: 'lost', error, charge: this.#charge ?? this.#checkpointCharge() })
  }

  /** The last checkpoint is the fair charge of a broken stream. One that does not verify is worth nothing. */
  #checkpointCharge(): Charge | undefined {
    if (!this.#checkpoint) return undefined
    try {
      const { payload, transcript } = this.#checkpoint
      return {
        payload,
        receipt: verifyCheckpoint(payload, receiptKey(this.#options.lease), {
          ...this.#expected(),
          transcript: transcript.toString('hex'),
        }),
      }
    } catch {
      return undefined
    }
  }

  #conclude(outcome: AttemptOutcome): void {
    this.#settled = true
    this.#limit?.cancel()
    this.#settle(outcome)
  }
}

function asEnvelopeError(error: unknown): EnvelopeError {
  return error instanceof EnvelopeError ? error : new EnvelopeError('malformed', 'the answer cannot be read', { cause: error })
}

/** The first X-Wing key of the verified keyset: a sender that has ML-KEM uses nothing weaker. */
function recipientKey(lease: Lease) {
  const key = lease.keyset.hpke.find(candidate => candidate.kem === kemXWing)
  if (!key) throw new EnvelopeError('unknown-key', 'the worker has no X-Wing key')
  return { kid: Buffer.from(key.kid, 'hex'), kem: key.kem, publicKey: Buffer.from(key.public_key, 'base64') }
}

function receiptKey(lease: Lease): Buffer {
  return Buffer.from(lease.keyset.receipt.public_key, 'base64')
}
