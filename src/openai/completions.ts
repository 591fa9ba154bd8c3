import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { inputsOf, requireFewChoices, textsOrTokens } from './inputs.ts'
import { choiceCount, modelId, sampling, stream, streamOptions, tokenLimit, usageAsked, user } from './members.ts'

const maxChoices = 128
/** What OpenAI's form makes where no limit is given. */
const defaultMaxTokens = 16

const request = z.looseObject({
  model: modelId,
  prompt: textsOrTokens.describe('A text, texts, or token numbers.'),
  ...sampling,
  stream,
  stream_options: streamOptions,
  max_tokens: tokenLimit.nullish().describe(`The most tokens of each answer, ${defaultMaxTokens} by default.`),
  n: choiceCount.nullish().describe('How many answers to make for each prompt.'),
  best_of: choiceCount.nullish(),
  echo: z.boolean().nullish(),
  suffix: z.string().nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  user,
})

export const completions = defineEndpoint({
  path: '/v1/completions',
  summary: 'Goes on with a text.',
  request,
  lastEvent: ['data: [DONE]'],
  own: body => {
    const { count } = inputsOf(body.prompt)
    const choices = requireFewChoices(count, Math.max(body.best_of ?? 1, body.n ?? 1), maxChoices)
    return {
      stream: body.stream ?? false,
      inputs: count,
      generates: { choices, maxTokens: body.max_tokens ?? defaultMaxTokens },
      ...usageAsked(body.stream_options),
    }
  },
})
