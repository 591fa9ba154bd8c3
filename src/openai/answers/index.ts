export {
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
export { type AnswerDescription, type AnswerForm, answers, type EventsForm, errorForm, type JsonForm, type OpaqueForm } from './answers.ts'
export { chatCompletion, chatCompletionChunk } from './chat-completions.ts'
export { completion, completionChunk } from './completions.ts'
export { description } from './description.ts'
export { embeddingList } from './embeddings.ts'
export { errorBody, errorObject } from './error.ts'
export { answerHeaders, type HeaderDescription } from './headers.ts'
export { imageList } from './images.ts'
export { model, modelList, price } from './models.ts'
export { moderation } from './moderations.ts'
export { ranking } from './rerank.ts'
export { responseEvent } from './response-events.ts'
export { outputItem } from './response-items.ts'
export { response, responseSoFar } from './responses.ts'
export { diarizedTranscription, transcription, transcriptionEvent, verboseTranscription } from './transcriptions.ts'
