/**
 * A lease is a verified worker for a while. The keeper gets one over a fresh nonce, renews it early and off the path of any
 * request, and ends it at once when evidence, keys or policy say otherwise. While no lease is live, nothing is sealed to the worker.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { AttestationError, type Check } from './errors.ts'
import type { GpuVerifierOptions } from './gpu/verify.ts'
import type { Policy } from './policy.ts'
import type { Collateral } from './tdx/collateral.ts'
import type { Quote } from './tdx/quote.ts'
import type { Verdict } from './verdict.ts'
import { collateralFor, openEvidence, type VerifiedEvidence, verifyWorker } from './verify-evidence.ts'
import { nvidiaVerifier } from './verify-gpu.ts'

export interface Lease extends VerifiedEvidence {
  readonly worker: string
  /** Milliseconds since the epoch. */
  readonly verifiedAt: number
  readonly expiresAt: number
  /** Under a root of trust other than Intel's. */
  readonly simulated: boolean
}

/** How a worker stands, for people. */
export interface LeaseState {
  /** `refused`: its evidence was judged and not accepted; `unverified`: it could not be judged yet. */
  readonly status: 'verified' | 'refused' | 'unverified'
  readonly reasons: readonly string[]
  readonly checks: readonly Check[]
  readonly verifiedAt: number | undefined
  readonly expiresAt: number | undefined
}

/** Where collateral comes from: a `CollateralClient`. */
export interface CollateralSource {
  get(fmspc: string, ca: 'platform' | 'processor'): Promise<Collateral>
}

export interface LeaseKeeperOptions {
  /** The id that the worker's keyset must show. */
  readonly worker: string
  /** Asks the worker for evidence over a nonce of 32 bytes. */
  readonly fetchEvidence: (nonce: Buffer) => Promise<string | Uint8Array>
  readonly collateral: CollateralSource
  readonly policy: () => Policy
  /** What GPU evidence is verified with; NVIDIA's roots unless a test says otherwise. */
  readonly gpuVerifier?: GpuVerifierOptions | undefined
  readonly clock: Clock
  readonly random: (size: number) => Buffer
  readonly leaseMs: number
  readonly simulated: boolean
  /** 0 to 1; spreads renewals. */
  readonly draw?: () => number
  /** Called when `status` or its reasons change. */
  readonly onChange?: (state: LeaseState) => void
  readonly onLease?: (lease: Lease) => void
  /** Hears what came of evidence that was judged, so that the worker can be told. */
  readonly onVerdict?: (verdict: Verdict) => void
}

const firstPauseMs = 250
const longestPauseMs = 15_000
/** What may pass by itself. Anything else about the evidence ends a lease that is still live. */
const passing = new Set<string>(['evidence-unavailable', 'collateral-unavailable'])

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions
  #lease: Lease | undefined
  #state: LeaseState = { status: 'unverified', reasons: ['not verified yet'], checks: [], verifiedAt: undefined, expiresAt: undefined }
  #verifying: Promise<Lease> | undefined
  #timer: Timer | undefined
  #failures = 0
  /** Counts invalidations: what was begun before one is not believed after it. */
  #epoch = 0
  #stopped = false

  constructor(options: LeaseKeeperOptions) {
    this.#options = options
  }

  /** Begins to verify, and keeps the lease renewed until {@link stop}. */
  start(): void {
    this.ensure().catch(() => {})
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** The live lease. Read at each use, never kept: it may end at any moment. */
  current(): Lease | undefined {
    const lease = this.#lease
    return lease && this.#options.clock.now() < lease.expiresAt ? lease : undefined
  }

  state(): LeaseState {
    if (this.#lease && !this.current())
      return { ...this.#state, status: 'unverified', reasons: ['the lease ran out', ...this.#state.reasons] }
    return this.#state
  }

  /** A live lease, verified now where there is none. Callers at once share one verification. Throws {@link AttestationError}. */
  async ensure(): Promise<Lease> {
    return this.current() ?? this.#verifyOnce()
  }

  /** Ends the lease at once and begins to verify anew. */
  invalidate(reason: string): void {
    this.#epoch += 1
    this.#lease = undefined
    this.#verifying = undefined
    this.#report({ ...this.#state, status: 'unverified', reasons: [reason] })
    if (!this.#stopped) this.#verifyOnce().catch(() => {})
  }

  #verifyOnce(): Promise<Lease> {
    if (this.#verifying) return this.#verifying
    this.#timer?.cancel()
    const epoch = this.#epoch
    const verifying = this.#verify(epoch)
    this.#verifying = verifying
    void verifying.then(
      lease => this.#succeed(lease, epoch),
      error => this.#fail(error, epoch),
    )
    return verifying
  }

  async #verify(epoch: number): Promise<Lease> {
    const { worker, policy, clock, random, leaseMs, simulated } = this.#options
    const nonce = random(32)
    const document = await this.#ask(nonce)
    try {
      const { evidence, quote } = openEvidence(document)
      const endorsements = await this.#endorsements(quote)
      const now = clock.now()
      const verifier = this.#options.gpuVerifier ?? nvidiaVerifier
      const verified = await verifyWorker({ worker, evidence, quote, nonce, collateral: endorsements, policy: policy(), now, verifier })
      if (epoch !== this.#epoch) throw new AttestationError('evidence-unavailable', 'the lease was withdrawn while it was verified')
      const expiresAt = Math.min(
        now + leaseMs,
        verified.keyset.not_after,
        endorsements.validUntil,
        verified.gpus?.facts.validUntil ?? Number.POSITIVE_INFINITY,
      )
      const lease: Lease = { ...verified, worker, verifiedAt: now, expiresAt, simulated }
      this.#lease = lease
      this.#options.onVerdict?.({ nonce, accepted: true, until: expiresAt })
      return lease
    } catch (error) {
      if (isJudged(error)) this.#options.onVerdict?.({ nonce, accepted: false, code: error.code, reasons: reasonsOf(error) })
      throw error
    }
  }

  async #ask(nonce: Buffer): Promise<string | Uint8Array> {
    try {
      return await this.#options.fetchEvidence(nonce)
    } catch (cause) {
      throw new AttestationError('evidence-unavailable', `the worker did not give evidence: ${messageOf(cause)}`, { cause })
    }
  }

  /** A service that sends what is not right says nothing of the worker, unless it is its issuer's word that a CA is revoked. */
  async #endorsements(quote: Quote): Promise<Collateral> {
    const { fmspc, ca } = collateralFor(quote)
    try {
      return await this.#options.collateral.get(fmspc, ca)
    } catch (cause) {
      if (!(cause instanceof AttestationError) || cause.code === 'certificate-revoked') throw cause
      throw new AttestationError('collateral-unavailable', cause.message, { cause })
    }
  }

  #succeed(lease: Lease, epoch: number): void {
    if (epoch !== this.#epoch) return
    this.#verifying = undefined
    this.#failures = 0
    this.#report({ status: 'verified', reasons: [], checks: lease.checks, verifiedAt: lease.verifiedAt, expiresAt: lease.expiresAt })
    this.#options.onLease?.(lease)
    const life = lease.expiresAt - lease.verifiedAt
    this.#again(life * (0.45 + 0.1 * this.#draw()))
  }

  #fail(error: unknown, epoch: number): void {
    if (epoch !== this.#epoch) return
    this.#verifying = undefined
    this.#failures += 1
    const judged = isJudged(error)
    if (judged) this.#lease = undefined
    // A worker that cannot be reached keeps what it was given, to its end and no longer.
    if (!this.current())
      this.#report({
        ...this.#state,
        status: judged ? 'refused' : 'unverified',
        reasons: reasonsOf(error),
        checks: judged ? checksOf(error) : this.#state.checks,
      })
    this.#again(Math.min(firstPauseMs * 2 ** (this.#failures - 1), longestPauseMs) * (0.75 + 0.5 * this.#draw()))
  }

  #again(delayMs: number): void {
    if (this.#stopped) return
    this.#timer = this.#options.clock.after(delayMs, () => void this.#verifyOnce().catch(() => {}))
  }

  #draw(): number {
    return (this.#options.draw ?? Math.random)()
  }

  #report(state: LeaseState): void {
    const changed = state.status !== this.#state.status || state.reasons.join() !== this.#state.reasons.join()
    this.#state = state
    if (changed) this.#options.onChange?.(state)
  }
}

function isJudged(error: unknown): error is AttestationError {
  return error instanceof AttestationError && !passing.has(error.code)
}

function reasonsOf(error: unknown): readonly string[] {
  return error instanceof AttestationError && error.reasons.length > 0 ? error.reasons : [messageOf(error)]
}

/** What had been checked; a document that cannot even be read fails a check named by its code. */
function checksOf({ code, checks }: AttestationError): readonly Check[] {
  return checks.length > 0 ? checks : [{ name: code, ok: false }]
}
