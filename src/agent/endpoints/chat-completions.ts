/** `POST /v1/chat/completions`. */
import { refusal } from '../errors.ts'
import { bodyOf, limitedBody, streaming } from './body.ts'
import { choiceAnswer } from './choice-answer.ts'
import { ChoiceStream } from './choice-stream.ts'
import type { Endpoint } from './endpoint.ts'

/** vLLM’s way to have the reasoning made and left out: what is not shown is not charged, so that it would be had for nothing. */
const uncounted = "'include_reasoning': reasoning that is not shown cannot be counted here. Leave it out."
const limits = ['max_completion_tokens', 'max_tokens']

export const chatCompletions: Endpoint = {
  path: '/v1/chat/completions',
  write: (request, rewrite) => {
    const body = streaming(bodyOf(request), request.facts.stream)
    if (body.include_reasoning === false) throw refusal(400, null, uncounted, 'include_reasoning')
    // Engines differ in which of the two they read: a limit of ours stands in each that the caller used.
    const used = limits.filter(member => body[member] != null)
    return limitedBody(body, used.length > 0 ? used : ['max_tokens'], rewrite)
  },
  accepts: (contentType, { stream }) => contentType === (stream ? 'text/event-stream' : 'application/json'),
  answersAs: (_, { stream }) => (stream ? 'text/event-stream; charset=utf-8' : 'application/json'),
  reader: options => (options.facts.stream ? new ChoiceStream({ ...options, form: 'chat' }) : choiceAnswer({ ...options, form: 'chat' })),
}
