/** The other end of {@link Preparer}. */
import { answerQuestions } from '../lib/side-thread.ts'
import { AgentError } from './errors.ts'
import { prepare } from './prepare.ts'
import type { PrepareAnswer, PrepareQuestion } from './preparer.ts'

answerQuestions<PrepareQuestion, PrepareAnswer>(
  async question => {
    try {
      return { prepared: await prepare({ ...question, body: bufferOf(question.body) }) }
    } catch (error) {
      if (error instanceof AgentError && error.answer) return { refused: error.answer }
      throw error
    }
  },
  answer => ('prepared' in answer ? [answer.prepared.engineBody.bytes.buffer as ArrayBuffer] : []),
)

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
