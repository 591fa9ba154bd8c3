/** Who takes part in the random lives, and when they begin. */
import { testAddress } from '../../support/ton.ts'

export const parties = { payer: testAddress('payer'), payee: testAddress('payee'), stranger: testAddress('stranger') }

/** Unix seconds. */
export const birth = 1_800_000_000
