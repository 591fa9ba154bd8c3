/**
 * Follows a registry: what it lists now, read again and again. What is listed counts for a while after the last good look; then
 * nothing counts any more, since a removal could stand on the chain unseen.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { RegistryError } from './errors.ts'
import type { Item } from './items.ts'
import type { RegistryView } from './read.ts'
import { itemsInForce } from './state.ts'

export interface FollowerOptions {
  readonly read: () => Promise<RegistryView>
  readonly clock: Clock
  readonly pollMs: number
  /** For how long the last good look counts. */
  readonly maxStaleMs: number
  /** Hears what counts from now on, each time that it changed; undefined where nothing is known, and so nothing counts. */
  readonly onItems: (items: readonly Item[] | undefined) => void
  /** Hears why the registry could not be read, and `undefined` once it can again. */
  readonly onProblem: (problem: string | undefined) => void
}

export class RegistryFollower {
  readonly #options: FollowerOptions
  #newest: RegistryView | undefined
  /** What was told last, to tell a change. */
  #told: string | undefined
  #problem: string | undefined
  #next: Timer | undefined
  #end: Timer | undefined
  #stopped = false

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Why nothing, or perhaps an old state, is known; undefined where all is well. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Looks for the first time, and from then on until {@link stop}. Resolves when the first look is over, whatever it saw. */
  async start(): Promise<void> {
    await this.#look()
    if (this.#stopped) return
    this.#next = this.#options.clock.after(this.#options.pollMs, () => void this.start())
  }

  stop(): void {
    this.#stopped = true
    this.#next?.cancel()
    this.#end?.cancel()
  }

  async #look(): Promise<void> {
    try {
      const view = await this.#options.read()
      if (!this.#stopped) this.#take(view)
    } catch (error) {
      if (this.#stopped) return
      this.#report(messageOf(error))
      // That there is no registry is an answer, not a lack of one.
      if (error instanceof RegistryError) this.#forget()
    }
  }

  #take(view: RegistryView): void {
    const { clock, maxStaleMs } = this.#options
    if (this.#newest && view.block < this.#newest.block) {
      this.#report(`the chain’s endpoint shows block ${view.block} after block ${this.#newest.block}`)
      return
    }
    this.#newest = view
    // An endpoint that shows an old block as if it were today's: its news is as old as the block.
    const left = Math.min(clock.now(), view.seenAt * 1000) + maxStaleMs - clock.now()
    this.#end?.cancel()
    if (left <= 0) {
      this.#report(`the chain’s endpoint shows a block of ${new Date(view.seenAt * 1000).toISOString()}`)
      this.#forget()
      return
    }
    this.#end = clock.after(left, () => this.#forget())
    this.#report(undefined)
    this.#tell(itemsInForce(view.state, view.seenAt))
  }

  #forget(): void {
    this.#end?.cancel()
    this.#tell(undefined)
  }

  #tell(items: readonly Item[] | undefined): void {
    const told =
      items === undefined ? 'nothing' : JSON.stringify(items.map(item => ({ ...item, payee: 'payee' in item && `${item.payee}` })))
    if (told === this.#told) return
    this.#told = told
    this.#options.onItems(items)
  }

  #report(problem: string | undefined): void {
    if (problem === this.#problem) return
    this.#problem = problem
    this.#options.onProblem(problem)
  }
}
