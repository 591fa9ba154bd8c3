/** `POST /v1/completions`: text goes on. */
import { refusal } from '../errors.ts'
import { type Body, isCount, jsonBody, optional, parseBody, usageOptions } from './body.ts'
import { streaming } from './chat-completions.ts'
import { choiceAnswer } from './choice-answer.ts'
import { ChoiceStream } from './choice-stream.ts'
import type { Ask, Endpoint, Promised } from './endpoint.ts'
import { inputsOf } from './inputs.ts'

const maxChoices = 128
/** What OpenAI's form makes where no limit is given. */
const defaultMaxTokens = 16

export const completions: Endpoint = {
  path: '/v1/completions',
  takes: 'application/json',
  read,
  accepts: (contentType, { stream }) => contentType === (stream ? 'text/event-stream' : 'application/json'),
  answersAs: (_, { stream }) => (stream ? 'text/event-stream; charset=utf-8' : 'application/json'),
  reader: options => (options.facts.stream ? new ChoiceStream({ ...options, form: 'text' }) : choiceAnswer({ ...options, form: 'text' })),
}

function read(bytes: Buffer, _contentType: string, promised: Promised): Ask {
  const body = parseBody(bytes, promised)
  const inputs = inputsOf(body.prompt, 'prompt')
  const each = optional(body, 'n', isCount, 'a positive integer') ?? 1
  const made = Math.max(optional(body, 'best_of', isCount, 'a positive integer') ?? 1, each)
  if (inputs.count * made > maxChoices) throw refusal(400, null, `'n' times the number of prompts is larger than ${maxChoices}.`, 'n')
  const maxTokens = optional(body, 'max_tokens', isCount, 'a positive integer') ?? defaultMaxTokens
  return {
    facts: {
      stream: promised.stream,
      inputs: inputs.count,
      hasMedia: false,
      generates: { choices: inputs.count * made, maxTokens },
      units: {},
      ...usageOptions(body),
    },
    write: (most, salt) => jsonBody(limited(streaming(body, promised.stream), most), salt),
  }
}

function limited(body: Body, maxTokens: number | undefined): Body {
  return maxTokens === undefined ? body : { ...body, max_tokens: maxTokens }
}
