/** Usage and price: four classes of tokens and other units, counted apart, and what they cost together (spec, "Usage, price, cost"). */
import { parseNanoton } from '../lib/nanoton.ts'
import { EnvelopeError } from './errors.ts'
import { check, exactly, isCount } from './plain-json.ts'
import { type Finish, type OtherUnit, otherUnits, type Price, type TokenClass, tokenClasses, type Unit, type Usage } from './types.ts'

const units: readonly Unit[] = [...tokenClasses, ...otherUnits]

const perPrice = 1_000_000n

/**
 * ceil(Σ usage × price / 10^6) in nanoTON: summed exactly, rounded up once. Throws `misuse` for a count that is not an
 * integer from 0 or a unit that has no price, and `NanotonError` for a price that is not an amount.
 */
export function costOf(usage: Usage, price: Price): bigint {
  let millionths = 0n
  for (const unit of units) {
    const count = usage[unit]
    if (count === undefined && !isTokenClass(unit)) continue
    if (!isCount(count)) throw new EnvelopeError('misuse', `usage.${unit} is not a count`, { member: unit })
    const unitPrice = price[unit]
    if (unitPrice === undefined) throw new EnvelopeError('misuse', `usage.${unit} has no price`, { member: unit })
    millionths += BigInt(count) * parseNanoton(unitPrice)
  }
  return (millionths + perPrice - 1n) / perPrice
}

function isTokenClass(unit: Unit): boolean {
  return (tokenClasses as readonly Unit[]).includes(unit)
}

/** The finish that an engine's `finish_reason` stands for; one we do not know counts as `stop`. */
export function finishOf(reason: string | null | undefined): Exclude<Finish, 'error'> {
  switch (reason) {
    case 'length':
    case 'tool_calls':
    case 'content_filter':
    case 'budget':
    case 'cancelled':
      return reason
    case 'function_call':
      return 'tool_calls'
    default:
      return 'stop'
  }
}

const finishes: readonly unknown[] = ['stop', 'length', 'tool_calls', 'content_filter', 'budget', 'cancelled', 'error'] satisfies Finish[]

export function isFinish(value: unknown): value is Finish {
  return finishes.includes(value)
}

/** Whether `value` is an amount of nanoTON as it stands on our wires. */
export function isAmount(value: unknown): value is string {
  if (typeof value !== 'string') return false
  try {
    parseNanoton(value)
    return true
  } catch {
    return false
  }
}

/** Reads counts. Throws `malformed`. */
export function toUsage(value: unknown): Usage {
  return toUnits(value, isCount, 'usage')
}

/** Reads prices. Throws `malformed`. */
export function toPrice(value: unknown): Price {
  return toUnits(value, isAmount, 'price')
}

/** The counts alone, in the order of the wire. */
export function plainUsage(usage: Usage): Usage {
  const { prompt, cached, completion, reasoning } = usage
  const others: Partial<Record<OtherUnit, number>> = {}
  for (const unit of otherUnits) if (usage[unit] !== undefined) others[unit] = usage[unit]
  return { prompt, cached, completion, reasoning, ...others }
}

/** Whether no count of `later` is below that of `earlier`. */
export function neverFalls(earlier: Usage, later: Usage): boolean {
  return units.every(unit => (later[unit] ?? 0) >= (earlier[unit] ?? 0))
}

export function sameUsage(a: Usage, b: Usage): boolean {
  return units.every(unit => (a[unit] ?? 0) === (b[unit] ?? 0))
}

/** Whether `usage` names only units that `price` has a price for. */
export function isPriced(usage: Usage, price: Price): boolean {
  return otherUnits.every(unit => usage[unit] === undefined || price[unit] !== undefined)
}

/** Whether `price` pays at least `offer` for every unit that the offer names. */
export function paysAtLeast(price: Price, offer: Price): boolean {
  return units.every(unit => offer[unit] === undefined || (price[unit] !== undefined && BigInt(price[unit]) >= BigInt(offer[unit])))
}

/** An object with the four token classes and any of the other units, and nothing else. */
function toUnits<T>(
  value: unknown,
  is: (value: unknown) => value is T,
  what: string,
): Record<TokenClass, T> & Partial<Record<OtherUnit, T>> {
  const named = typeof value === 'object' && value !== null ? otherUnits.filter(unit => Object.hasOwn(value, unit)) : []
  const object = exactly(value, [...tokenClasses, ...named], what)
  const { prompt, cached, completion, reasoning } = object
  check(is(prompt), 'prompt', what)
  check(is(cached), 'cached', what)
  check(is(completion), 'completion', what)
  check(is(reasoning), 'reasoning', what)
  const others: Partial<Record<OtherUnit, T>> = {}
  for (const unit of named) {
    const count = object[unit]
    check(is(count), unit, what)
    others[unit] = count
  }
  return { prompt, cached, completion, reasoning, ...others }
}
