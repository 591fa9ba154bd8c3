/** What a scripted engine serves, by path. */
import { speechScript, transcriptionScript } from './audio.ts'
import { chatScript, completionScript } from './choices.ts'
import { embeddingsScript, imagesScript, moderationsScript, rerankScript } from './lists.ts'
import { responsesScript } from './responses.ts'
import type { Means, Script } from './script.ts'

export const scripts: ReadonlyMap<string, (means: Means) => Script> = new Map([
  ['/v1/chat/completions', chatScript],
  ['/v1/completions', completionScript],
  ['/v1/embeddings', embeddingsScript],
  ['/v1/responses', responsesScript],
  ['/v1/images/generations', imagesScript],
  ['/v1/audio/speech', speechScript],
  ['/v1/audio/transcriptions', transcriptionScript],
  ['/v1/moderations', moderationsScript],
  ['/v1/rerank', rerankScript],
])

/** Endpoints whose answers have text, in which an echo can be told. */
export const hasText = (path: string): boolean => /completions|responses|audio/.test(path)

export { capably, echoing, plainly } from './saying.ts'
export type { Body, Counts, EventScript, Means, RawScript, Script, WholeScript } from './script.ts'
