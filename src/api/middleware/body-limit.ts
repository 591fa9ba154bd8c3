import type { IncomingMessage } from 'node:http'
import { ApiError } from '../errors.ts'

/** Reads the whole body of a request, at most `limit` bytes. Throws `request_too_large`, before reading where the length is declared. */
export async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(incoming.headers['content-length'] ?? 0)
  if (declared > limit) throw tooLarge(limit)
  const parts: Buffer[] = []
  let size = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length
    if (size > limit) throw tooLarge(limit)
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)
}

function tooLarge(limit: number): ApiError {
  // The rest of the body is not read, so the connection cannot be used again.
  return new ApiError('request_too_large', `The body is larger than ${limit} bytes.`, { headers: { connection: 'close' } })
}
