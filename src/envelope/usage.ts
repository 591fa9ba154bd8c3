/** Usage and price: four classes of tokens, counted apart, and what they cost together (spec, "Usage, price, cost"). */
import { parseNanoton } from '../lib/nanoton.ts'
import { EnvelopeError } from './errors.ts'
import { check, exactly, isCount } from './plain-json.ts'
import type { Finish, Price, Usage } from './types.ts'

export const classes = ['prompt', 'cached', 'completion', 'reasoning'] as const

const perPrice = 1_000_000n

/**
 * ceil(Σ usage × price / 10^6) in nanoTON: summed exactly, rounded up once. Throws `misuse` for a count that is not an
 * integer from 0, and `NanotonError` for a price that is not an amount.
 */
export function costOf(usage: Usage, price: Price): bigint {
  let millionths = 0n
  for (const name of classes) {
    if (!isCount(usage[name])) throw new EnvelopeError('misuse', `usage.${name} is not a count`, { member: name })
    millionths += BigInt(usage[name]) * parseNanoton(price[name])
  }
  return (millionths + perPrice - 1n) / perPrice
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

/** Reads `{prompt, cached, completion, reasoning}` counts. Throws `malformed`. */
export function toUsage(value: unknown): Usage {
  const { prompt, cached, completion, reasoning } = exactly(value, classes, 'usage')
  check(isCount(prompt), 'prompt', 'usage')
  check(isCount(cached), 'cached', 'usage')
  check(isCount(completion), 'completion', 'usage')
  check(isCount(reasoning), 'reasoning', 'usage')
  return { prompt, cached, completion, reasoning }
}

/** Reads prices of the four classes. Throws `malformed`. */
export function toPrice(value: unknown): Price {
  const { prompt, cached, completion, reasoning } = exactly(value, classes, 'price')
  check(isAmount(prompt), 'prompt', 'price')
  check(isAmount(cached), 'cached', 'price')
  check(isAmount(completion), 'completion', 'price')
  check(isAmount(reasoning), 'reasoning', 'price')
  return { prompt, cached, completion, reasoning }
}

/** The counts alone, in the order of the wire. */
export function plainUsage(usage: Usage): Usage {
  return { prompt: usage.prompt, cached: usage.cached, completion: usage.completion, reasoning: usage.reasoning }
}

/** Whether no count of `later` is below that of `earlier`. */
export function neverFalls(earlier: Usage, later: Usage): boolean {
  return classes.every(name => later[name] >= earlier[name])
}

export function sameUsage(a: Usage, b: Usage): boolean {
  return classes.every(name => a[name] === b[name])
}
