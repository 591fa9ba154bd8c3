/** The other end of `RequestReader`. */
import { answerQuestions } from '../lib/side-thread.ts'
import { endpoints, RequestError, readRequest } from '../openai/index.ts'
import type { ReadAnswer, ReadQuestion } from './request-reader.ts'

answerQuestions<ReadQuestion, ReadAnswer>(
  async ({ path, contentType, bytes }) => {
    try {
      return { bytes, facts: (await readRequest(endpoints.get(path)!, contentType, bytes)).facts }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      const { code, message, param } = error
      return { bytes, refused: { code, message, param } }
    }
  },
  ({ bytes }) => [bytes.buffer],
)
