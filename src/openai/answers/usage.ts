/** `usage`: what was counted, by each endpoint's own spelling, and what it cost. */
import { z } from 'zod'
import { cost, count, named } from './parts.ts'

/** Counts of a chat or of a text that goes on. */
export const completionUsage = named(
  'CompletionUsage',
  'Tokens counted by the enclave, and what they cost.',
  z.looseObject({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: z
      .looseObject({
        cached_tokens: count.optional().describe('Tokens of the prompt that were read from a cache, at a price of their own.'),
        cache_write_tokens: count.optional(),
        audio_tokens: count.optional(),
        text_tokens: count.optional(),
        image_tokens: count.optional(),
      })
      .nullish(),
    completion_tokens_details: z
      .looseObject({
        reasoning_tokens: count.optional(),
        audio_tokens: count.optional(),
        text_tokens: count.optional(),
        accepted_prediction_tokens: count.optional(),
        rejected_prediction_tokens: count.optional(),
      })
      .nullish(),
    cost,
  }),
)

/** Counts where nothing is written: embeddings, moderations, rerank. */
export const promptUsage = named(
  'PromptUsage',
  'Tokens that were read, and what they cost.',
  z.looseObject({ prompt_tokens: count, total_tokens: count, cost }),
)

/** Counts of a response. */
export const responseUsage = named(
  'ResponseUsage',
  'Tokens counted by the enclave, and what they cost.',
  z.looseObject({
    input_tokens: count,
    input_tokens_details: z.looseObject({ cached_tokens: count, cache_write_tokens: count }),
    output_tokens: count,
    output_tokens_details: z.looseObject({ reasoning_tokens: count }),
    total_tokens: count,
    cost,
  }),
)

/** Counts of images. They are charged by the image; tokens stand as the engine counts them, 0 where it counts none. */
export const imagesUsage = named(
  'ImagesUsage',
  'Images are charged one by one: `images` is what counts. Tokens are the engine’s own, 0 where it counts none.',
  z.looseObject({
    input_tokens: count,
    input_tokens_details: z.looseObject({ text_tokens: count, image_tokens: count }),
    output_tokens: count,
    output_tokens_details: z.looseObject({ text_tokens: count, image_tokens: count }).optional(),
    total_tokens: count,
    images: count.min(1),
    cost,
  }),
)

/** Seconds of a recording. */
export const secondsUsage = named(
  'SecondsUsage',
  'Recordings are charged by the second, rounded up.',
  z.looseObject({ type: z.literal('duration'), seconds: z.number().min(0), cost }),
)
