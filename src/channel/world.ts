/** What a subcommand touches outside its arguments, so that tests can give it another world. */
import type { Clock } from '../lib/clock.ts'
import type { Chain } from './chain.ts'
import type { Network } from './networks.ts'

export interface World {
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  openChain(urls: readonly string[], network: Network): Chain
  /** Says a line to the person who waits, beside the result. */
  note(line: string): void
}

/** What a subcommand has to say: one object for programs, or lines for people. Amounts in the object are nanoTON in decimal strings. */
export interface Outcome {
  readonly json: Readonly<Record<string, unknown>>
  readonly lines: readonly string[]
}

/** Unix seconds. */
export function secondsNow({ clock }: Pick<World, 'clock'>): number {
  return Math.floor(clock.now() / 1000)
}
