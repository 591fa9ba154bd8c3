/** The wire as `fetch` shows it: bodies out, JSON and event streams in. */
import { z } from 'zod'
import type { Answer, EndpointCalls, Question, ShownUsage, Stream } from './client.ts'
import { type Endpoint, paths } from './matrix.ts'

export type Body = Readonly<Record<string, unknown>>

/** An error as it was answered, or as it stood in a stream. */
export class HttpError extends Error {
  readonly status: number | undefined
  readonly code: unknown

  constructor(status: number | undefined, body: unknown) {
    const { error } = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) }).parse(body)
    super(error.message)
    this.status = status
    this.code = error.code
  }
}

export async function post({ connection, signal }: Question, endpoint: Endpoint, body: Body | FormData): Promise<Response> {
  const isForm = body instanceof FormData
  const response = await connection.fetch(connection.baseURL + paths[endpoint].slice('/v1'.length), {
    method: 'POST',
    headers: { authorization: `Bearer ${connection.apiKey}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm ? body : JSON.stringify(body),
    signal,
  })
  if (!response.ok) throw new HttpError(response.status, await response.json())
  return response
}

export function json(endpoint: Endpoint, body: (question: Question) => Body, read: (answer: unknown) => Answer): EndpointCalls {
  return { whole: async question => read(await (await post(question, endpoint, { model: question.model, ...body(question) })).json()) }
}

/** Reads a stream's events, one by one. */
export interface EventReader {
  /** The text that an event brings, if any; `end` where it is the last one. */
  take(event: unknown): string | undefined | typeof end
  /** What the client has once the stream has ended. */
  answer(): Answer
}

export const end = Symbol('end')

export function events(endpoint: Endpoint, body: (question: Question) => Body, reader: () => EventReader): Stream {
  return async function* (question) {
    const asked = { model: question.model, ...body(question), stream: true }
    return yield* readEvents(await post(question, endpoint, asked), reader())
  }
}

export async function* readEvents(response: Response, reader: EventReader): ReturnType<Stream> {
  for await (const data of dataOf(response)) {
    if (data === '[DONE]') return reader.answer()
    const event = JSON.parse(data) as unknown
    if (typeof event === 'object' && event !== null && 'error' in event) throw new HttpError(undefined, event)
    const piece = reader.take(event)
    if (piece === end) return reader.answer()
    if (piece) yield piece
  }
  throw new Error('the stream ended before the answer did')
}

/** The data of each event: lines up to an empty one. Comments and names are passed over. */
async function* dataOf(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n\n')
    rest = parts.pop()!
    for (const part of parts) {
      const data = part.split('\n').filter(line => line.startsWith('data: '))
      if (data.length > 0) yield data.map(line => line.slice('data: '.length)).join('\n')
    }
  }
}

export interface WireUsage {
  readonly prompt_tokens: number
  readonly completion_tokens?: number
  readonly cost: string
}

export function tokens(usage: WireUsage): ShownUsage {
  return { prompt: usage.prompt_tokens, completion: usage.completion_tokens, cost: usage.cost }
}
