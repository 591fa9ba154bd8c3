/** The endpoints that a worker can serve, by path. */
import { chatCompletions } from './chat-completions.ts'
import { completions } from './completions.ts'
import type { Endpoint } from './endpoint.ts'
import { images } from './images.ts'
import { embeddings, moderations, rerank } from './prompt-only.ts'
import { responses } from './responses.ts'
import { speech } from './speech.ts'
import { transcriptions } from './transcriptions.ts'

const all = [chatCompletions, completions, embeddings, responses, images, speech, transcriptions, moderations, rerank]

export const endpoints: ReadonlyMap<string, Endpoint> = new Map(all.map(endpoint => [endpoint.path, endpoint]))
export type { AnswerReader, Endpoint, EngineBody, Rewrite } from './endpoint.ts'
