import { chatCompletions } from './chat-completions.ts'
import { completions } from './completions.ts'
import { embeddings } from './embeddings.ts'
import type { Endpoint } from './endpoint.ts'
import { images } from './images.ts'
import { moderations } from './moderations.ts'
import { rerank } from './rerank.ts'
import { responses } from './responses.ts'
import { speech } from './speech.ts'
import { transcriptions } from './transcriptions.ts'

const all = [chatCompletions, completions, embeddings, responses, images, speech, transcriptions, moderations, rerank]

/** The endpoints that can be served, by path. */
export const endpoints: ReadonlyMap<string, Endpoint> = new Map(all.map(endpoint => [endpoint.path, endpoint]))
