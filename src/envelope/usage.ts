import type { Finish, Price, Usage } from './types.ts'

/** ceil(Σ usage × price / 10^6), nanoTON, rounded up once. */
export function costOf(_usage: Usage, _price: Price): bigint {
  throw new Error('not yet')
}

/** The finish that an engine's `finish_reason` stands for; one we do not know counts as `stop`. */
export function finishOf(_reason: string | null | undefined): Exclude<Finish, 'error'> {
  throw new Error('not yet')
}
