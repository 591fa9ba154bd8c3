/**
 * Which answer each endpoint gives: by status and media type. The tests check every answer by this table, and the OpenAPI
 * document is made from it.
 */
import type { z } from 'zod'
import {
  account,
  accountEvidence,
  alive,
  channelDeployment,
  channelProposal,
  channelReleased,
  channelRunning,
  evidence,
  keyCreated,
  keyList,
  keyRevoked,
  notReady,
  ready,
  receipt,
  statement,
} from './account.ts'
import { chatCompletion, chatCompletionChunk } from './chat-completions.ts'
import { completion, completionChunk } from './completions.ts'
import { description } from './description.ts'
import { embeddingList } from './embeddings.ts'
import { errorBody } from './error.ts'
import { imageList } from './images.ts'
import { model, modelList } from './models.ts'
import { moderation } from './moderations.ts'
import { ranking } from './rerank.ts'
import { responseEvent } from './response-events.ts'
import { response } from './responses.ts'
import { diarizedTranscription, transcription, transcriptionEvent, transcriptionForm, verboseTranscription } from './transcriptions.ts'

/** JSON in one piece, in one of these forms. */
export interface JsonForm {
  readonly kind: 'json'
  readonly oneOf: readonly z.ZodType[]
  /** Which of them `value` has to be. */
  readonly formOf: (value: unknown) => z.ZodType
}

/** A stream of events whose data is JSON. */
export interface EventsForm {
  readonly kind: 'events'
  readonly event: z.ZodType
  /** `[DONE]` after the last event, or the types of events that can be the last. */
  readonly ends: '[DONE]' | readonly string[]
  /** Members that are the same in all events. */
  readonly shared: readonly string[]
}

/** Text or bytes that have no form to check. */
export interface OpaqueForm {
  readonly kind: 'text' | 'bytes'
}

export type AnswerForm = JsonForm | EventsForm | OpaqueForm

/** An answer of an endpoint. */
export interface AnswerDescription {
  readonly method: 'GET' | 'POST'
  /** With parameters in braces, as OpenAPI writes them. */
  readonly path: string
  readonly status: number
  /** By media type, lower case and without parameters; `audio/*` stands for all of a kind. */
  readonly media: Readonly<Record<string, AnswerForm>>
}

/** What every status from 400 has, where the table does not say otherwise. */
export const errorForm: JsonForm = { kind: 'json', oneOf: [errorBody], formOf: () => errorBody }

const chunks = ['id', 'object', 'created', 'model'] as const

/** Every answer but errors. */
export const answers: readonly AnswerDescription[] = [
  answer('POST', '/v1/chat/completions', {
    ...whole(chatCompletion),
    ...streamed({ event: chatCompletionChunk, ends: '[DONE]', shared: chunks }),
  }),
  answer('POST', '/v1/completions', { ...whole(completion), ...streamed({ event: completionChunk, ends: '[DONE]', shared: chunks }) }),
  answer('POST', '/v1/embeddings', whole(embeddingList)),
  answer('POST', '/v1/responses', {
    ...whole(response),
    ...streamed({
      event: responseEvent,
      ends: ['response.completed', 'response.incomplete', 'response.failed', 'error'],
      shared: [],
    }),
  }),
  answer('POST', '/v1/images/generations', whole(imageList)),
  answer('POST', '/v1/audio/speech', { 'audio/*': { kind: 'bytes' }, 'application/octet-stream': { kind: 'bytes' } }),
  answer('POST', '/v1/audio/transcriptions', {
    'application/json': {
      kind: 'json',
      oneOf: [transcription, verboseTranscription, diarizedTranscription],
      formOf: transcriptionForm,
    },
    ...streamed({ event: transcriptionEvent, ends: ['transcript.text.done'], shared: [] }),
    'text/plain': { kind: 'text' },
    'text/vtt': { kind: 'text' },
  }),
  answer('POST', '/v1/moderations', whole(moderation)),
  answer('POST', '/v1/rerank', whole(ranking)),
  answer('GET', '/v1/models', whole(modelList)),
  answer('GET', '/v1/models/{id}', whole(model)),
  answer('GET', '/v1/account', whole(account)),
  answer('GET', '/v1/account/statement', whole(statement)),
  answer('GET', '/v1/account/evidence/{digest}', whole(accountEvidence)),
  answer('GET', '/v1/receipts/{rid}', whole(receipt)),
  answer('GET', '/v1/attestation', whole(evidence)),
  answer('POST', '/v1/channels', whole(channelProposal), 201),
  answer('POST', '/v1/channels/keys', whole(keyCreated), 201),
  answer('POST', '/v1/channels/deploy', whole(channelDeployment)),
  answer('POST', '/v1/channels/command', anyOf(keyList, keyRevoked, channelReleased)),
  answer('POST', '/v1/channels/command', whole(keyCreated), 201),
  answer('POST', '/v1/channels/command', whole(channelRunning), 202),
  answer('GET', '/healthz', whole(alive)),
  answer('GET', '/readyz', whole(ready)),
  answer('GET', '/readyz', whole(notReady), 503),
  answer('GET', '/metrics', { 'text/plain': { kind: 'text' } }),
  answer('GET', '/openapi.json', whole(description)),
  answer('GET', '/reference', { 'text/html': { kind: 'text' } }),
]

function answer(method: AnswerDescription['method'], path: string, media: AnswerDescription['media'], status = 200): AnswerDescription {
  return { method, path, status, media }
}

function whole(schema: z.ZodType): AnswerDescription['media'] {
  return { 'application/json': { kind: 'json', oneOf: [schema], formOf: () => schema } }
}

/** One of several, told apart by their members. */
function anyOf(...schemas: z.ZodType[]): AnswerDescription['media'] {
  return {
    'application/json': {
      kind: 'json',
      oneOf: schemas,
      formOf: value => schemas.find(schema => schema.safeParse(value).success) ?? schemas[0]!,
    },
  }
}

function streamed(form: Omit<EventsForm, 'kind'>): AnswerDescription['media'] {
  return { 'text/event-stream': { kind: 'events', ...form } }
}
