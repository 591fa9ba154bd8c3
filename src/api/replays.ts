/**
 * Requests that their callers named with `Idempotency-Key`: one runs, whoever sends the same again meanwhile gets the same
 * answer as it comes, and for `keepMs` afterwards the recorded one. Answers are in memory only, at most `memoryBytes` of them.
 *
 * This is a convenience. That nothing is charged twice is the ledger's rule (`reserveOnce`), which also knows what was let go
 * here, and what ran before a restart.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import type { AnswerSink } from './answer-sink.ts'
import { ApiError } from './errors.ts'
import { Recording } from './recording.ts'

/** What one entry costs beside its bytes. */
const entryBytes = 2_048
export const replayHeader = 'x-chrysalis-idempotent-replay'

export interface ReplaysOptions {
  readonly clock: Clock
  readonly memoryBytes: number
  readonly keepMs: number
  /** How long a request runs on when its caller is gone. */
  readonly lingerMs: number
}

/** A request of a caller: the name it is remembered by, a digest of what it asks, and where its answer goes. */
export interface NamedRequest {
  readonly name: string
  readonly fingerprint: string
  readonly sink: AnswerSink
}

interface Entry {
  readonly name: string
  readonly fingerprint: string
  readonly recording: Recording
  /** Fulfilled when the run has ended, with the error that its callers are told where no answer began. */
  readonly outcome: Promise<unknown>
  ended: boolean
  expiry: Timer | undefined
}

export class Replays {
  readonly #options: ReplaysOptions
  /** In the order in which they were made; those that ended are let go oldest first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(options: ReplaysOptions) {
    this.#options = options
  }

  /** How many bytes are taken, and by how many requests. */
  get size(): { bytes: number; requests: number } {
    return { bytes: this.#bytes, requests: this.#entries.size }
  }

  /**
   * Serves a named request: runs it by `run`, which writes into the sink it is given and calls `used` once the name stands for
   * a charge; or, where it runs or ran already, answers from that. Throws `idempotency_key_reused` where
   * the name stands for another request, and what `run` throws.
   */
  async serve(request: NamedRequest, run: (sink: AnswerSink, used: () => void) => Promise<void>): Promise<'ran' | 'replayed'> {
    const known = this.#entries.get(request.name)
    // Once nobody is there an answer is being given up: it is not kept, and whoever asks again must not wait for it.
    if (known?.recording.kept) {
      await this.#replay(known, request)
      return 'replayed'
    }
    // What is not kept any more can only be run; where it was charged, the ledger refuses that.
    if (known) this.#forget(known)
    await this.#run(request, run)
    return 'ran'
  }

  async #replay(entry: Entry, { fingerprint, sink }: NamedRequest): Promise<void> {
    if (entry.fingerprint !== fingerprint)
      throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for another request. Use a new one for each request.')
    entry.recording.follow(sink, { [replayHeader]: 'true' })
    const error = await entry.outcome
    if (error !== undefined) throw error
  }

  async #run({ name, fingerprint, sink }: NamedRequest, run: (sink: AnswerSink, used: () => void) => Promise<void>): Promise<void> {
    const { clock, lingerMs } = this.#options
    const { promise: outcome, resolve } = Promise.withResolvers<unknown>()
    const recording = new Recording({
      clock,
      lingerMs,
      room: bytes => this.#room(bytes),
      free: bytes => {
        this.#bytes -= bytes
      },
    })
    const entry: Entry = { name, fingerprint, recording, outcome, ended: false, expiry: undefined }
    this.#entries.set(name, entry)
    this.#bytes += entryBytes
    recording.follow(sink)
    let used = false
    let failure: unknown
    try {
      await run(recording, () => {
        used = true
      })
    } catch (error) {
      failure = error
    }
    entry.ended = true
    if (used && recording.kept) entry.expiry = clock.after(this.#options.keepMs, () => this.#forget(entry))
    else this.#forget(entry)
    // Nobody is told to try again under a name that was charged.
    const told = failure === undefined || !used ? failure : withHeader(failure, 'x-should-retry', 'false')
    resolve(told === undefined || !used ? told : withHeader(told, replayHeader, 'true'))
    if (told !== undefined) throw told
  }

  /** Takes room, letting go of the oldest answers that have ended. */
  #room(bytes: number): boolean {
    for (const entry of this.#entries.values()) {
      if (this.#bytes + bytes <= this.#options.memoryBytes) break
      if (entry.ended) this.#forget(entry)
    }
    if (this.#bytes + bytes > this.#options.memoryBytes) return false
    this.#bytes += bytes
    return true
  }

  #forget(entry: Entry): void {
    if (this.#entries.get(entry.name) !== entry) return
    entry.expiry?.cancel()
    this.#entries.delete(entry.name)
    this.#bytes -= entryBytes
    entry.recording.discard()
  }
}

/** A copy of the error with one header more. */
function withHeader(error: unknown, name: string, value: string): unknown {
  if (!(error instanceof Error)) return error
  const headers = 'headers' in error ? (error.headers as Record<string, string>) : {}
  return Object.assign(Object.create(Object.getPrototypeOf(error), Object.getOwnPropertyDescriptors(error)), {
    headers: { ...headers, [name]: value },
  })
}
