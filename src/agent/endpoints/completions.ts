/** `POST /v1/completions`: text goes on. */
import { bodyOf, limitedBody, streaming } from './body.ts'
import { choiceAnswer } from './choice-answer.ts'
import { ChoiceStream } from './choice-stream.ts'
import type { Endpoint } from './endpoint.ts'

export const completions: Endpoint = {
  path: '/v1/completions',
  write: (request, { maxTokens = request.facts.generates?.maxTokens, salt }) =>
    // Engines differ in how much they make where no limit is given.
    limitedBody(streaming(bodyOf(request), request.facts.stream), ['max_tokens'], { maxTokens, salt }),
  accepts: (contentType, { stream }) => contentType === (stream ? 'text/event-stream' : 'application/json'),
  answersAs: (_, { stream }) => (stream ? 'text/event-stream; charset=utf-8' : 'application/json'),
  reader: options => (options.facts.stream ? new ChoiceStream({ ...options, form: 'text' }) : choiceAnswer({ ...options, form: 'text' })),
}
