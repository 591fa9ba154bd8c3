/** `POST /v1/audio/speech`: charged by the character of the text (Unicode code points), passed on as it comes. */
import { refusal } from '../errors.ts'
import { isString, jsonBody, parseBody, required } from './body.ts'
import type { Ask, Endpoint, Promised } from './endpoint.ts'

export const speech: Endpoint = {
  path: '/v1/audio/speech',
  takes: 'application/json',
  read,
  accepts: contentType => /^audio\/[a-z0-9.+-]+$/.test(contentType) || contentType === 'application/octet-stream',
  answersAs: engine => engine,
  reader: () => ({ kind: 'raw' }),
}

function read(bytes: Buffer, _contentType: string, promised: Promised): Ask {
  // Sound always comes as a stream of bytes; a body has no say in it.
  const body = parseBody(bytes, { model: promised.model, stream: false })
  if (!promised.stream) throw refusal(400, null, 'Speech is sealed as a stream.', 'stream')
  if (body.stream_format === 'sse') throw refusal(400, null, "'stream_format' can only be 'audio' here.", 'stream_format')
  const characters = codePoints(required(body, 'input', isString, 'a text'))
  if (characters === 0) throw refusal(400, null, "'input' must not be empty.", 'input')
  return {
    facts: { stream: true, inputs: 0, hasMedia: false, units: { characters }, asksUsage: false, asksContinuousUsage: false },
    write: () => jsonBody(body),
  }
}

function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
