/**
 * Faults on order: an endpoint that refuses, breaks, stalls, lags or lies. Each endpoint name has its own list of rules and its own
 * seeded random numbers, so two endpoints over one chain can disagree, and the same requests meet the same faults again.
 *
 * Kept in memory only: a restarted chain serves truthfully. The `dev_…` methods meet no faults, so that rules can always be changed.
 */
import { Address } from '@ton/core'
import { z } from 'zod'
import type { Clock } from '../lib/clock.ts'
import { Random } from './delivery.ts'

/** The endpoint that has no name in its path. */
export const mainEndpoint = 'main'
const mostEndpoints = 64

const when = {
  /** Only these methods; all where it is left out. */
  methods: z.array(z.string().min(1).max(64)).min(1).max(50).optional(),
  /** How often, 0 to 1; always where it is left out. */
  probability: z.number().min(0).max(1).optional(),
  /** Lets so many of the matching requests through first. */
  skip: z.int().min(0).max(1_000_000).optional(),
  /** Stops after so many hits. */
  count: z.int().min(1).max(1_000_000).optional(),
}
const seqno = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
const address = z
  .string()
  .max(128)
  .refine(text => Address.isFriendly(text) || Address.isRaw(text), 'not an address')
const base64 = z
  .string()
  .max(100_000)
  .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'not base64')

const ruleSchema = z.discriminatedUnion('fault', [
  /** 429 above `per_second` requests, as toncenter's free tier; a burst of `burst` is let through (default: one second's worth). */
  z.strictObject({
    fault: z.literal('rate-limit'),
    per_second: z.number().min(0.001).max(100_000),
    burst: z.int().min(1).max(100_000).optional(),
    ...when,
  }),
  /** An error of the server or of what stands before it. */
  z.strictObject({
    fault: z.literal('error'),
    status: z.union([z.literal(429), z.int().min(500).max(599)]),
    message: z.string().max(1_000).optional(),
    html: z.boolean().optional(),
    ...when,
  }),
  /** Never answers; the connection stays open. */
  z.strictObject({ fault: z.literal('hang'), ...when }),
  /** Answers after `delay_ms`. */
  z.strictObject({ fault: z.literal('slow'), delay_ms: z.int().min(1).max(600_000), ...when }),
  /** Closes the connection: before the request is looked at, or once it has been carried out. */
  z.strictObject({ fault: z.literal('drop'), after: z.boolean().optional(), ...when }),
  /** Answers what is no answer: cut off, not JSON, or JSON of another shape. */
  z.strictObject({ fault: z.literal('garble'), form: z.enum(['cut', 'text', 'shape']), ...when }),
  /** Answers as of `blocks` blocks ago. */
  z.strictObject({ fault: z.literal('lag'), blocks: z.int().min(1).max(1_000_000), ...when }),
  /** Answers as of block `seqno`, for ever. */
  z.strictObject({ fault: z.literal('stuck'), seqno, ...when }),
  /** Shows an account otherwise than it is. */
  z.strictObject({
    fault: z.literal('lie'),
    address,
    balance: z
      .string()
      .regex(/^(0|[1-9][0-9]{0,30})$/, 'must be nanoTON in decimal digits')
      .optional(),
    state: z.enum(['active', 'uninitialized', 'frozen']).optional(),
    code: base64.optional(),
    data: base64.optional(),
    ...when,
  }),
  /** Says yes to a message and loses it. */
  z.strictObject({ fault: z.literal('swallow'), ...when }),
])

/** One fault on order. */
export type FaultRule = z.input<typeof ruleSchema>
type FaultKind = FaultRule['fault']
/** The rule of one kind. */
export type FaultOf<Kind extends FaultKind> = Extract<FaultRule, { fault: Kind }>

/** An endpoint's name, as it stands in its path. */
export const endpointName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'an endpoint is called by a-z, 0-9 and -')
/** What `dev_setFaults` takes. */
export const faultOrder = z.strictObject({
  endpoint: endpointName.default(mainEndpoint),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  rules: z.array(ruleSchema).max(100),
})

interface Armed {
  readonly rule: FaultRule
  seen: number
  hits: number
  /** Of a rate limit: requests that may still pass, and when that was counted. */
  tokens: number
  countedMs: number
}

export class Faults {
  readonly #clock: Clock
  readonly #endpoints = new Map<string, { readonly random: Random; readonly rules: readonly Armed[] }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Replaces the rules of an endpoint; none make it truthful again. Throws a `ZodError` for a rule that is not one, a `RangeError` for too many endpoints. */
  set(endpoint: string, rules: readonly FaultRule[], seed = 0): void {
    const order = faultOrder.parse({ endpoint, rules, seed })
    this.#endpoints.delete(order.endpoint)
    if (order.rules.length === 0) return
    if (this.#endpoints.size >= mostEndpoints) throw new RangeError(`no more than ${mostEndpoints} endpoints with faults`)
    this.#endpoints.set(order.endpoint, {
      random: new Random(order.seed),
      rules: order.rules.map(rule => ({ rule, seen: 0, hits: 0, tokens: burstOf(rule), countedMs: this.#clock.now() })),
    })
  }

  /** The rules of an endpoint and how often each has been met. */
  list(endpoint: string): readonly { readonly rule: FaultRule; readonly hits: number }[] {
    return (this.#endpoints.get(endpoint)?.rules ?? []).map(({ rule, hits }) => ({ rule, hits }))
  }

  /** The faults that this request meets, at most one of each kind. Counts it. */
  meet(endpoint: string, method: string): Met {
    const met = new Map<FaultKind, FaultRule[]>()
    const { random, rules } = this.#endpoints.get(endpoint) ?? { random: undefined, rules: [] }
    for (const armed of rules) {
      const { rule } = armed
      if (rule.methods && !rule.methods.includes(method)) continue
      // Drawn for every matching request, so that what one rule does never shifts the luck of another.
      const unlucky = rule.probability === undefined || (random?.next() ?? 1) < rule.probability
      if (armed.seen++ < (rule.skip ?? 0) || armed.hits >= (rule.count ?? Number.POSITIVE_INFINITY)) continue
      if (!unlucky || !this.#isOver(armed)) continue
      armed.hits++
      met.set(rule.fault, [...(met.get(rule.fault) ?? []), rule])
    }
    return new Met(met)
  }

  #isOver(armed: Armed): boolean {
    const { rule } = armed
    if (rule.fault !== 'rate-limit') return true
    const nowMs = this.#clock.now()
    armed.tokens = Math.min(burstOf(rule), armed.tokens + ((nowMs - armed.countedMs) / 1000) * rule.per_second)
    armed.countedMs = nowMs
    if (armed.tokens < 1) return true
    armed.tokens--
    return false
  }
}

/** The faults of one request. */
export class Met {
  readonly #faults: ReadonlyMap<FaultKind, readonly FaultRule[]>

  constructor(faults: ReadonlyMap<FaultKind, readonly FaultRule[]> = new Map()) {
    this.#faults = faults
  }

  /** All rules of a kind, in their order. */
  all<Kind extends FaultKind>(kind: Kind): FaultOf<Kind>[] {
    return (this.#faults.get(kind) ?? []).filter((rule): rule is FaultOf<Kind> => rule.fault === kind)
  }

  /** The first rule of a kind. */
  first<Kind extends FaultKind>(kind: Kind): FaultOf<Kind> | undefined {
    return this.all(kind)[0]
  }
}

function burstOf(rule: FaultRule): number {
  return rule.fault === 'rate-limit' ? (rule.burst ?? Math.max(1, Math.ceil(rule.per_second))) : 0
}
