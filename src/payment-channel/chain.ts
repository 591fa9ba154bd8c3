/** The little of a chain's endpoint that this room uses, and waiting for the chain. */
import type { Address } from '@ton/core'
import type { TonClient } from '@ton/ton'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { ChannelError } from './errors.ts'

/** What we need of a `TonClient`: account data and sending. Never get-methods: an endpoint runs those as it likes. */
export type ChainClient = Pick<TonClient, 'getContractState' | 'sendFile'>

/** How to wait for the chain. */
export interface Patience {
  readonly clock: Clock
  /** Between two looks, in milliseconds. */
  readonly intervalMs: number
  /** After this long without the expected, give up. */
  readonly timeoutMs: number
}

/** An account as an endpoint shows it. Throws {@link ChannelError} `chain-failed`. */
export function getAccount(client: ChainClient, address: Address): ReturnType<ChainClient['getContractState']> {
  return client.getContractState(address).catch(error => {
    throw chainFailure(error)
  })
}

/** Hands a serialized external message to the endpoint. Throws {@link ChannelError} `chain-failed`, also when the chain refuses it. */
export async function sendBoc(client: ChainClient, boc: Buffer): Promise<void> {
  try {
    await client.sendFile(boc)
  } catch (error) {
    throw chainFailure(error)
  }
}

/**
 * Looks again and again until `look` gives a value, or time is up (`undefined`). Looks that fail with `chain-failed` count as
 * nothing seen, but if the last one failed too, its error is thrown: then nothing is known.
 */
export async function poll<T>({ clock, intervalMs, timeoutMs }: Patience, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = clock.now() + timeoutMs
  for (;;) {
    let failure: ChannelError | undefined
    try {
      const seen = await look()
      if (seen !== undefined) return seen
    } catch (error) {
      if (!(error instanceof ChannelError) || error.code !== 'chain-failed') throw error
      failure = error
    }
    if (clock.now() >= deadline) {
      if (failure) throw failure
      return undefined
    }
    await pause(clock, intervalMs)
  }
}

/** Lets `delayMs` pass. Unlike the clock's own timers it keeps the process alive meanwhile. */
export async function pause(clock: Clock, delayMs: number): Promise<void> {
  // The clock's timers let a process end; one that waits for money to arrive must not.
  const hold = setInterval(() => {}, 2 ** 30)
  try {
    await new Promise<void>(resolve => clock.after(delayMs, resolve))
  } finally {
    clearInterval(hold)
  }
}

/** What `error` of an endpoint comes to. The client's error carries the whole request, its API key included: the words alone are taken. */
export function chainFailure(error: unknown, endpoint = "the chain's endpoint"): ChannelError {
  if (error instanceof ChannelError) return error
  return new ChannelError('chain-failed', `${endpoint} failed: ${wordsOf(error)}`)
}

function wordsOf(error: unknown): string {
  const said = error instanceof Error && 'response' in error ? errorOf(error.response) : undefined
  const words = messageOf(error).slice(0, 300)
  return said === undefined ? words : `${words}: ${said}`
}

function errorOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('data' in response)) return undefined
  const { data } = response
  if (typeof data !== 'object' || data === null || !('error' in data)) return undefined
  return typeof data.error === 'string' ? data.error.slice(0, 300) : undefined
}
