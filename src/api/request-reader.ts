/** `readRequest`, for large bodies on another thread: what comes back is what routing, limits and money need, and the bytes as they were. */
import { siblingModule } from '../lib/sibling-module.ts'
import { givable, SideThread, SideThreadError } from '../lib/side-thread.ts'
import { type Endpoint, type Facts, isLargeRequest, RequestError, type RequestErrorCode, readRequest } from '../openai/index.ts'
import { ApiError } from './errors.ts'
import type { RequestBody } from './request-body.ts'

export interface ReadQuestion {
  readonly path: string
  readonly contentType: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

export type ReadAnswer = { readonly bytes: Uint8Array<ArrayBuffer> } & (
  | { readonly facts: Facts }
  | { readonly refused: { readonly code: RequestErrorCode; readonly message: string; readonly param: string | null } }
)

export class RequestReader {
  readonly #thread = new SideThread<ReadQuestion, ReadAnswer>({ module: siblingModule(import.meta.url, 'request-reader-thread') })

  /** The facts of a request. Rejects with `RequestError`, or with `ApiError` `overloaded` where too many large ones wait. */
  async read(endpoint: Endpoint, contentType: string, body: RequestBody): Promise<Facts> {
    if (!isLargeRequest(body.bytes)) return (await readRequest(endpoint, contentType, body.bytes)).facts
    const bytes = givable(body.bytes)
    const answer = await this.#thread.ask({ path: endpoint.path, contentType, bytes }, [bytes.buffer]).catch(asRefusal)
    const { buffer, byteOffset, byteLength } = answer.bytes
    body.put(Buffer.from(buffer, byteOffset, byteLength))
    if ('facts' in answer) return answer.facts
    throw new RequestError(answer.refused.code, answer.refused.message, answer.refused.param)
  }

  close(): Promise<void> {
    return this.#thread.close()
  }
}

function asRefusal(error: unknown): never {
  const code = error instanceof SideThreadError ? error.code : undefined
  if (code === 'died' || code === 'timeout') throw new RequestError('invalid', 'The body is too complex to be read.')
  if (code === 'busy')
    throw new ApiError('overloaded', 'Too many large requests wait to be read. Try again in a moment.', {
      headers: { 'retry-after-ms': '1000' },
    })
  throw error
}
