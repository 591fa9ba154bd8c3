import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Handler } from 'hono'
import { type Endpoint, readRequest, requireMediaType } from '../openai/index.ts'
import { Answer } from './answer.ts'
import type { ApiEnv } from './env.ts'
import type { Inference } from './inference.ts'
import { readBody } from './middleware/body-limit.ts'

/** Serves an endpoint that is paid for. The body travels to the worker as it came; the answer's bytes travel back as they are. */
export function inferenceEndpoint(endpoint: Endpoint, inference: Inference, bodyLimitBytes: number): Handler<ApiEnv> {
  return async c => {
    const { incoming, outgoing } = c.env
    const contentType = incoming.headers['content-type'] ?? ''
    requireMediaType(endpoint, contentType)
    const body = await readBody(incoming, bodyLimitBytes)
    const { facts } = await readRequest(endpoint, contentType, body)
    const answer = new Answer(outgoing, { form: facts.stream ? endpoint.streamsAs : 'whole', lastEvent: endpoint.lastEvent })
    const request = { requestId: c.get('requestId'), channel: c.get('key').channel, endpoint, facts, contentType, body }
    await inference.run(request, answer)
    return RESPONSE_ALREADY_SENT
  }
}
