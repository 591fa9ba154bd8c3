/** What a client is to the matrix: its own calls, as its documentation writes them, brought to one form. */
import { z } from 'zod'
import type { Endpoint } from './matrix.ts'

/** How a client reaches Chrysalis: what a user would set. */
export interface Connection {
  readonly baseURL: string
  readonly apiKey: string
  /** Tries after the first. */
  readonly maxRetries: number
  readonly fetch: typeof fetch
}

export interface Call {
  readonly id: string
  readonly name: string
  readonly args: unknown
}

export interface Question {
  readonly connection: Connection
  readonly model: string
  readonly text: string
  readonly signal: AbortSignal
  /** Whether {@link functions} are offered. */
  readonly offersTools?: boolean
  /** Whether the answer is to be kept, where an endpoint has a member for that. */
  readonly store?: boolean
  /** Calls that were made before, all in one turn, with their results. */
  readonly called?: readonly (Call & { readonly result: string })[]
}

/** An answer, as far as the client shows it. */
export interface Answer {
  readonly text?: string
  readonly bytes?: Uint8Array
  readonly vector?: readonly number[]
  readonly list?: readonly unknown[]
  /** What structured output was parsed to. */
  readonly value?: unknown
  readonly calls?: readonly Call[]
  readonly usage?: ShownUsage | undefined
}

/** What a client shows of `usage`, in whatever unit the endpoint is charged by. */
export interface ShownUsage {
  readonly prompt?: number | undefined
  readonly completion?: number | undefined
  readonly images?: number | undefined
  readonly seconds?: number | undefined
  /** NanoTON, where members that OpenAI does not have are passed on. */
  readonly cost?: string | undefined
}

export type Ask = (question: Question) => Promise<Answer>
/** Yields what has come, piece by piece, and returns the answer. */
export type Stream = (question: Question) => AsyncGenerator<string, Answer>
/** Why a client does not have something. */
export type Without = string

/** One endpoint as a client calls it. */
export interface EndpointCalls {
  readonly whole: Ask
  readonly stream?: Stream | Without
  /** The same whole call, asking for {@link form}. */
  readonly structured?: Ask | Without
  /** Where the client has no way to give up a call, or to try again. */
  readonly cannot?: Partial<Record<'abort' | 'retries', Without>>
  /** The client keeps the usage to itself, always or of a stream: only the charge can be checked. */
  readonly hidesUsage?: 'always' | 'of a stream'
}

export interface Client {
  readonly id: string
  readonly title: string
  readonly endpoints: Readonly<Record<Endpoint, EndpointCalls | Without>>
  /** What a thrown value says, in the client's own classes. */
  failure(error: unknown): Failure
  /** The class, or the client's own word, that it has for such a failure. */
  kindOf(failure: { status: number; code: unknown; endpoint: Endpoint }): string
}

export interface Failure {
  readonly status: number | undefined
  readonly code: unknown
  readonly kind: string
}

/** The functions that are offered. */
export const functions = [
  named('get_weather', 'Get the weather in a city', 'city'),
  named('get_balance', 'Get the balance of an account', 'account'),
]

function named(name: string, description: string, member: string) {
  const properties = { [member]: { type: 'string' as const } }
  return { name, description, parameters: { type: 'object' as const, properties, required: [member], additionalProperties: false } }
}

/** The form that structured output has to have. */
export const form = z.strictObject({ city: z.string(), degrees: z.number() })
