import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Handler } from 'hono'
import { Answer } from './answer.ts'
import { parseChatRequest } from './chat-request.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'
import type { Inference } from './inference.ts'
import { readBody } from './middleware/body-limit.ts'

/** `POST /v1/chat/completions`. The body travels to the worker as it came; the answer's bytes travel back as they are. */
export function chatCompletions(inference: Inference, bodyLimitBytes: number): Handler<ApiEnv> {
  return async c => {
    const { incoming, outgoing } = c.env
    const contentType = incoming.headers['content-type'] ?? ''
    if (!/^application\/json\s*(;|$)/i.test(contentType))
      throw new ApiError('unsupported_media_type', 'Send the body as content-type application/json.')
    const body = await readBody(incoming, bodyLimitBytes)
    const request = parseChatRequest(body)
    const answer = new Answer(outgoing, request.stream)
    await inference.run(
      {
        ...request,
        requestId: c.get('requestId'),
        channel: c.get('key').channel,
        path: '/v1/chat/completions',
        contentType: 'application/json',
        body,
      },
      answer,
    )
    return RESPONSE_ALREADY_SENT
  }
}
