/**
 * The chain through one endpoint or several, of which none is believed alone: an account is what all of them show, and no state
 * comes back once a newer one was agreed on. A message goes to all, and is sent when one took it.
 */
import type { Address } from '@ton/core'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../lib/clock.ts'
import { type AccountView, type Agreement, type Answer, agree, ltOf } from './agreement.ts'
import { type ChainClient, chainFailure, pause } from './chain.ts'
import { ChannelError } from './errors.ts'

export interface Endpoint {
  /** For people: without an API key in it. */
  readonly name: string
  readonly client: ChainClient
}

/** How an endpoint stands. */
export interface EndpointStatus {
  readonly name: string
  /** Whether its last answer came. */
  readonly up: boolean
  /** How far its newest block is behind the clock, in seconds; undefined before its first answer. */
  readonly lagSeconds: number | undefined
  /** How often it did not agree with the others, or with what was agreed before. */
  readonly disagreements: number
  /** What is wrong with it, in words. */
  readonly problem: string | undefined
}

export interface AgreedChainOptions {
  readonly endpoints: readonly Endpoint[]
  readonly clock: Clock
  /** An endpoint whose newest block is older than this is not believed. Default 60,000. */
  readonly mostLagMs?: number
  /** For how long endpoints that are at different blocks are asked again. Default 10,000. */
  readonly agreeWithinMs?: number
  readonly intervalMs?: number
  /** Hears when the problem of an endpoint begins, becomes another, and ends. */
  readonly onProblem?: (endpoint: string, problem: EndpointProblem | undefined) => void
}

/** `contradiction` is a security event; the others may pass. */
export interface EndpointProblem {
  readonly kind: 'unreachable' | 'lags' | 'behind' | 'contradiction'
  readonly words: string
}

interface Watched extends Endpoint {
  /** In a row, up to now. */
  failures: number
  seenAt: number | undefined
  disagreements: number
  problem: EndpointProblem | undefined
}

/** One answer that does not come is a matter of luck. */
const failuresThatCount = 3
/** Accounts whose newest agreed state is remembered. */
const mostRemembered = 100_000

export class AgreedChain implements ChainClient {
  readonly #options: Required<AgreedChainOptions>
  readonly #endpoints: readonly Watched[]
  readonly #agreed = new LRUCache<string, { lt: bigint }>({ max: mostRemembered })

  constructor(options: AgreedChainOptions) {
    this.#options = { mostLagMs: 60_000, agreeWithinMs: 10_000, intervalMs: 500, onProblem: () => {}, ...options }
    this.#endpoints = options.endpoints.map(endpoint => ({
      ...endpoint,
      failures: 0,
      seenAt: undefined,
      disagreements: 0,
      problem: undefined,
    }))
  }

  /** The account as every endpoint shows it. Throws {@link ChannelError} `chain-failed`. */
  async getContractState(address: Address): Promise<AccountView> {
    const { clock, agreeWithinMs, intervalMs } = this.#options
    const key = address.toRawString()
    const deadline = clock.now() + agreeWithinMs
    for (;;) {
      const agreement = agree(await this.#ask(address), this.#agreed.get(key)?.lt)
      if (agreement.kind === 'agreed') {
        this.#agreed.set(key, { lt: ltOf(agreement.view) })
        for (const endpoint of this.#endpoints) this.#report(endpoint, undefined)
        return agreement.view
      }
      // Endpoints are at different blocks for a moment at every change; two contents of one state never pass.
      if (agreement.kind === 'contradiction' || clock.now() >= deadline) throw this.#disagreement(agreement, address)
      await pause(clock, intervalMs)
    }
  }

  /** Hands a message to every endpoint. Fulfilled once one took it; rejects with what the first one said. */
  async sendFile(boc: Buffer): Promise<void> {
    const sent = await Promise.allSettled(this.#endpoints.map(({ client }) => client.sendFile(boc)))
    if (sent.some(({ status }) => status === 'fulfilled')) return
    throw (sent[0] as PromiseRejectedResult).reason
  }

  statuses(): EndpointStatus[] {
    const now = this.#options.clock.now()
    return this.#endpoints.map(({ name, failures, seenAt, disagreements, problem }) => ({
      name,
      up: failures === 0 && seenAt !== undefined,
      lagSeconds: seenAt === undefined ? undefined : Math.max(0, Math.round(now / 1000 - seenAt)),
      disagreements,
      problem: problem?.words,
    }))
  }

  /** Every endpoint's answer. Throws `chain-failed` where one gives none, or one of another time. */
  async #ask(address: Address): Promise<Answer[]> {
    const asked = await Promise.allSettled(this.#endpoints.map(endpoint => this.#askOne(endpoint, address)))
    return asked.map(answer => {
      if (answer.status === 'rejected') throw answer.reason
      return answer.value
    })
  }

  async #askOne(endpoint: Watched, address: Address): Promise<Answer> {
    const { clock, mostLagMs } = this.#options
    let view: AccountView
    try {
      view = await endpoint.client.getContractState(address)
    } catch (error) {
      const failure = chainFailure(error, endpoint.name)
      endpoint.failures += 1
      if (endpoint.failures >= failuresThatCount) this.#report(endpoint, { kind: 'unreachable', words: failure.message })
      throw failure
    }
    endpoint.failures = 0
    endpoint.seenAt = view.timestampt
    const lagMs = clock.now() - view.timestampt * 1000
    if (lagMs <= mostLagMs) return { endpoint: endpoint.name, view }
    const words = `its newest block is ${Math.round(lagMs / 1000)} s old`
    this.#report(endpoint, { kind: 'lags', words })
    throw new ChannelError('chain-failed', `${endpoint.name} lags: ${words}`)
  }

  #disagreement({ kind, endpoints }: Exclude<Agreement, { kind: 'agreed' }>, address: Address): ChannelError {
    const odd = this.#endpoints.filter(({ name }) => endpoints.includes(name))
    const others = this.#endpoints.filter(endpoint => !odd.includes(endpoint)).map(({ name }) => name)
    const words =
      kind === 'contradiction'
        ? `${endpoints.join(' and ')} show different contents of ${address} after the same transaction: one of them lies`
        : `${endpoints.join(' and ')} shows an older state of ${address} than ${others.join(' and ') || 'before'}`
    for (const endpoint of odd) {
      endpoint.disagreements += 1
      this.#report(endpoint, { kind, words })
    }
    return new ChannelError('chain-failed', `the endpoints do not agree: ${words}`)
  }

  #report(endpoint: Watched, problem: EndpointProblem | undefined): void {
    if (problem?.kind === endpoint.problem?.kind) return
    endpoint.problem = problem
    this.#options.onProblem(endpoint.name, problem)
  }
}
