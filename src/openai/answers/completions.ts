/** Answers of `POST /v1/completions`. A chunk of a stream has the form of the whole answer, with open ends. */
import { z } from 'zod'
import { count, named, unixSeconds } from './parts.ts'
import { completionUsage } from './usage.ts'

const finishReason = z.enum(['stop', 'length', 'content_filter'])

/** The first token of an echoed prompt has nothing before it, so no probability: null, as OpenAI answers. */
const logprobs = z
  .looseObject({
    tokens: z.array(z.string()).optional(),
    token_logprobs: z.array(z.number().nullable()).optional(),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
    text_offset: z.array(count).optional(),
  })
  .nullable()

const common = {
  id: z.string(),
  object: z.literal('text_completion'),
  created: unixSeconds,
  model: z.string(),
  system_fingerprint: z.string().nullish(),
}

/** The whole answer. */
export const completion = named(
  'Completion',
  'How a text goes on.',
  z.looseObject({
    ...common,
    choices: z.array(z.looseObject({ index: count, text: z.string(), logprobs, finish_reason: finishReason })),
    usage: completionUsage,
  }),
)

/** One event of a stream. */
export const completionChunk = named(
  'CompletionChunk',
  'A piece of a streamed text.',
  z.looseObject({
    ...common,
    choices: z.array(
      z.looseObject({ index: count, text: z.string(), logprobs: logprobs.optional(), finish_reason: finishReason.nullable() }),
    ),
    usage: completionUsage.nullish(),
  }),
)
