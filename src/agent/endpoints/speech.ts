/** `POST /v1/audio/speech`: charged by the character of the text (Unicode code points), passed on as it comes. */
import { bodyOf, jsonBody } from './body.ts'
import type { Endpoint } from './endpoint.ts'

export const speech: Endpoint = {
  path: '/v1/audio/speech',
  write: request => jsonBody(bodyOf(request)),
  accepts: contentType => /^audio\/[a-z0-9.+-]+$/.test(contentType) || contentType === 'application/octet-stream',
  // A request that is cancelled before the engine has answered has no type to pass on.
  answersAs: engine => engine || 'application/octet-stream',
  reader: () => ({ kind: 'raw' }),
}
