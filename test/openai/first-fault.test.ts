/** A body that is wrong in ten thousand places is judged like one that is wrong in one: the reading ends at the first. */
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { readChatRequest } from '../../src/engine/chat-request.ts'
import { readCompletionRequest } from '../../src/engine/completion-request.ts'
import { readEmbeddingRequest } from '../../src/engine/embedding-request.ts'
import { endpoints, readRequest } from '../../src/openai/index.ts'

afterEach(() => void z.config({ customError: undefined }))

/** How many faults were put into words, by the time that `read` had thrown. */
function faultsNamed(read: () => unknown): number {
  let named = 0
  const customError = () => {
    named += 1
    return undefined
  }
  z.config({ customError })
  expect(read).toThrow()
  return named
}

const wrong = Array.from({ length: 10_000 }, () => 1.5)
const bodies: readonly [string, Record<string, unknown>, (body: unknown) => unknown][] = [
  ['/v1/chat/completions', { model: 'a', messages: wrong }, readChatRequest],
  ['/v1/chat/completions', { model: 'a', messages: [{ role: 'user', content: wrong }] }, readChatRequest],
  ['/v1/completions', { model: 'a', prompt: wrong }, readCompletionRequest],
  ['/v1/embeddings', { model: 'a', input: wrong }, readEmbeddingRequest],
]

test.each(bodies)('%s reads no further than the first fault, at either end', (path, body, readByEngine) => {
  const bytes = Buffer.from(JSON.stringify(body))
  expect(faultsNamed(() => readRequest(endpoints.get(path)!, 'application/json', bytes))).toBeLessThan(20)
  expect(faultsNamed(() => readByEngine(body))).toBeLessThan(20)
})
