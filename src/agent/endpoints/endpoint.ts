/**
 * What an endpoint of OpenAI's surface is to the agent: how the body that the engine gets is written from the one that was
 * read, and how the engine's answer is read. Everything between is the same for all of them.
 */
import type { Finish, Price, Usage } from '../../envelope/index.ts'
import type { Facts, ReadRequest } from '../../openai/index.ts'
import type { Budget } from '../budget.ts'
import type { SseEvent } from '../sse.ts'
import type { Tally } from '../tally.ts'

/** A body for the engine. */
export interface EngineBody {
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** Everything a reader of answers works with. */
export interface ReaderOptions {
  readonly facts: Facts
  readonly model: string
  readonly tally: Tally
  readonly budget: Budget
  readonly price: Price
}

/** An answer in one piece. */
export interface WholeReader {
  readonly kind: 'whole'
  /** Reads the engine's whole answer. Throws `AgentError` `engine-garbage` for anything that is none. */
  finish(bytes: Buffer, contentType: string): { readonly body: Buffer; readonly usage: Usage; readonly finishReason: string | undefined }
}

/** An answer as a stream of events. */
export interface EventReader {
  readonly kind: 'events'
  /** Whether the engine has ended its answer. Nothing after it is looked at. */
  readonly done: boolean
  readonly finish: Exclude<Finish, 'error'>
  /** Takes an event and returns the text to pass on, maybe none. Throws `AgentError`. */
  accept(event: SseEvent): string
  /** What ends the stream once {@link done}. */
  ending(usage: Usage): string
  /** What ends a stream that the agent cuts off, as a caller knows it. */
  cutOff(usage: Usage): string
}

/** Bytes that pass unread. */
export interface RawReader {
  readonly kind: 'raw'
}

export type AnswerReader = WholeReader | EventReader | RawReader

/** What takes the place of the caller's own words in the engine's body. */
export interface Rewrite {
  /** The limit of each choice; undefined leaves the caller's. */
  readonly maxTokens: number | undefined
  /** The cache salt; a caller's own is never passed on, since it would choose whose prompts share a cache. */
  readonly salt: string | undefined
}

export interface Endpoint {
  readonly path: string
  /** Writes the engine's body from what was read, so that no second reading of one text can differ from the one that was checked and priced. Throws `AgentError` `refused` for a body nested too deeply. */
  write(request: ReadRequest, rewrite: Rewrite): EngineBody | Promise<EngineBody>
  /** Whether the engine may answer in this media type (lower case, without parameters). */
  accepts(contentType: string, facts: Facts): boolean
  /** The media type that the caller is told. */
  answersAs(engine: string, facts: Facts): string
  reader(options: ReaderOptions): AnswerReader
}
