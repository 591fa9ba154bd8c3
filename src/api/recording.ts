/**
 * An answer that is kept while it is made, so that a caller who lost it can have it again. Callers follow it from its first
 * byte, each at its own pace; whoever comes late is given what there is and then goes along. It is in memory only.
 *
 * The maker is held up when every follower is behind: memory is then bounded by `room`, not by a reader. When all have left
 * the maker goes on for `lingerMs`, for a caller whose line broke asks again within seconds; then it is told that nobody is
 * there. A record that finds no more room is no longer kept: its followers are served to the end, nobody else can join.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import type { AnswerSink, OutgoingHeaders } from './answer-sink.ts'

/** What a chunk costs beside its bytes. */
const chunkBytes = 128

export interface RecordingOptions {
  readonly clock: Clock
  readonly lingerMs: number
  /** Takes room for so many bytes, or says that there is none. */
  readonly room: (bytes: number) => boolean
  /** Gives room back. */
  readonly free: (bytes: number) => void
}

interface Follower {
  readonly sink: AnswerSink
  readonly headers: OutgoingHeaders
  /** Index of the next chunk it gets. */
  next: number
  behind: boolean
}

export class Recording implements AnswerSink {
  readonly #options: RecordingOptions
  readonly #followers = new Set<Follower>()
  readonly #goneActions: (() => void)[] = []
  readonly #drainActions: (() => void)[] = []
  #head: { status: number; headers: OutgoingHeaders; flushed: boolean } | undefined
  #chunks: Buffer[] = []
  /** How many chunks were let go at the front, once the record is not kept any more. */
  #first = 0
  #bytes = 0
  #state: 'running' | 'ended' | 'cut' = 'running'
  #kept = true
  #gone = false
  #linger: Timer | undefined

  constructor(options: RecordingOptions) {
    this.#options = options
  }

  get gone(): boolean {
    return this.#gone
  }

  get begun(): boolean {
    return this.#head !== undefined
  }

  /** Whether the whole of it is there, or will be. */
  get kept(): boolean {
    return this.#kept
  }

  onGone(action: () => void): void {
    this.#goneActions.push(action)
  }

  onDrain(action: () => void): void {
    this.#drainActions.push(action)
  }

  /** Sends everything to `sink`, what was recorded and what comes, with `headers` over the recorded ones. Only while {@link kept}. */
  follow(sink: AnswerSink, headers: OutgoingHeaders = {}): void {
    const follower: Follower = { sink, headers, next: 0, behind: false }
    this.#linger?.cancel()
    this.#followers.add(follower)
    sink.onDrain(() => this.#drained(follower))
    sink.onGone(() => this.#left(follower))
    if (sink.gone) this.#left(follower)
    else this.#pump(follower)
  }

  head(status: number, headers: OutgoingHeaders): void {
    this.#head = { status, headers, flushed: false }
    for (const follower of this.#followers) this.#sendHead(follower)
  }

  flush(): void {
    if (this.#head) this.#head.flushed = true
    for (const { sink } of this.#followers) sink.flush()
  }

  write(chunk: Buffer): boolean {
    if (this.#state !== 'running' || this.#gone) return true
    const size = chunk.length + chunkBytes
    if (this.#kept && this.#options.room(size)) this.#bytes += size
    else this.#stopKeeping()
    // Without room and without a follower there is nobody to give it to.
    if (!this.#kept && this.#followers.size === 0) {
      this.#isGone()
      return true
    }
    this.#chunks.push(chunk)
    for (const follower of this.#followers) this.#pump(follower)
    this.#trim()
    return this.#flows()
  }

  end(chunk?: Buffer): void {
    if (this.#state !== 'running') return
    if (chunk && chunk.length > 0) this.write(chunk)
    this.#close('ended')
  }

  cut(): void {
    if (this.#state === 'running') this.#close('cut')
  }

  /** Keeps it no longer: nobody can join, and what every follower has is let go. */
  discard(): void {
    this.#linger?.cancel()
    this.#stopKeeping()
    this.#trim()
  }

  #close(state: 'ended' | 'cut'): void {
    this.#state = state
    this.#linger?.cancel()
    for (const follower of this.#followers) this.#pump(follower)
    this.#trim()
  }

  #sendHead({ sink, headers }: Follower): void {
    if (!this.#head || sink.begun || sink.gone) return
    sink.head(this.#head.status, { ...this.#head.headers, ...headers })
    if (this.#head.flushed) sink.flush()
  }

  #pump(follower: Follower): void {
    this.#sendHead(follower)
    const { sink } = follower
    while (!follower.behind && follower.next < this.#first + this.#chunks.length)
      follower.behind = !sink.write(this.#chunks[follower.next++ - this.#first]!)
    if (this.#state === 'running' || follower.next < this.#first + this.#chunks.length) return
    this.#followers.delete(follower)
    if (this.#state === 'cut') sink.cut()
    else sink.end()
  }

  #drained(follower: Follower): void {
    if (!this.#followers.has(follower)) return
    follower.behind = false
    this.#pump(follower)
    this.#trim()
    if (this.#state === 'running' && this.#flows()) for (const action of this.#drainActions) action()
  }

  #left(follower: Follower): void {
    if (!this.#followers.delete(follower) || this.#state !== 'running') return
    this.#trim()
    if (this.#followers.size > 0) {
      if (this.#flows()) for (const action of this.#drainActions) action()
    } else if (!this.#kept) this.#isGone()
    else {
      for (const action of this.#drainActions) action()
      this.#linger = this.#options.clock.after(this.#options.lingerMs, () => this.#isGone())
    }
  }

  /** While all of it is kept one follower that keeps up is enough; else the slowest decides, for only followers hold memory then. */
  #flows(): boolean {
    const followers = [...this.#followers]
    if (followers.length === 0) return true
    return this.#kept ? followers.some(({ behind }) => !behind) : followers.every(({ behind }) => !behind)
  }

  #isGone(): void {
    if (this.#gone || this.#state !== 'running') return
    this.#gone = true
    this.discard()
    for (const action of this.#goneActions) action()
  }

  #stopKeeping(): void {
    if (!this.#kept) return
    this.#kept = false
    this.#options.free(this.#bytes)
    this.#bytes = 0
  }

  /** Lets go of what every follower has, where the record is not kept. */
  #trim(): void {
    if (this.#kept) return
    const needed = Math.min(this.#first + this.#chunks.length, ...Array.from(this.#followers, ({ next }) => next))
    this.#chunks = this.#chunks.slice(needed - this.#first)
    this.#first = needed
  }
}
