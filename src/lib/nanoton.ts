/**
 * Money: an exact, non-negative count of nanoTON (1 TON = 10^9 nanoTON). This is the one place that decides what an
 * amount is; everything else adds, subtracts and compares values that came from here.
 */

declare const brand: unique symbol

/** An amount in nanoTON: a bigint from 0 to {@link maxNanoton}, never a float, never negative. */
export type Nanoton = bigint & { readonly [brand]: 'nanoton' }

/** The largest amount: what a signed 64-bit column holds, about twice all TON that exist. */
export const maxNanoton = (1n << 63n) - 1n

/** An amount that is not one: negative, fractional, out of range, or not written in plain decimal. */
export class NanotonError extends RangeError {
  override readonly name = 'NanotonError'
}

/** Checks that `value` is an amount. Throws {@link NanotonError} when it is negative or too large. */
export function nanoton(value: bigint): Nanoton {
  if (typeof value !== 'bigint' || value < 0n || value > maxNanoton) throw new NanotonError(`not an amount of nanoTON: ${String(value)}`)
  return value as Nanoton
}

export const zero = 0n as Nanoton

/** Reads a decimal string as it stands on our wires: digits only, no sign, no leading zero. Throws {@link NanotonError}. */
export function parseNanoton(text: string): Nanoton {
  if (typeof text !== 'string' || !/^(?:0|[1-9][0-9]{0,18})$/.test(text))
    throw new NanotonError('an amount is a string of decimal digits without leading zeros')
  return nanoton(BigInt(text))
}

/** a + b. Throws {@link NanotonError} on overflow. */
export function add(a: Nanoton, b: Nanoton): Nanoton {
  return nanoton(a + b)
}

/** a - b. Throws {@link NanotonError} when the result would be negative. */
export function subtract(a: Nanoton, b: Nanoton): Nanoton {
  return nanoton(a - b)
}

/** a - b, or 0 where b is larger. */
export function subtractToZero(a: Nanoton, b: Nanoton): Nanoton {
  return a > b ? nanoton(a - b) : zero
}

/** The smaller of the two. */
export function smaller(a: Nanoton, b: Nanoton): Nanoton {
  return a < b ? a : b
}

/** The larger of the two. */
export function larger(a: Nanoton, b: Nanoton): Nanoton {
  return a > b ? a : b
}

/** For people: `1.25 TON`, exact, without trailing zeros. */
export function formatTon(amount: bigint): string {
  const sign = amount < 0n ? '-' : ''
  const digits = (amount < 0n ? -amount : amount).toString().padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return `${sign}${digits.slice(0, -9)}${fraction ? `.${fraction}` : ''} TON`
}
