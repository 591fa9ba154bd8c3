/** Schemas of members that several requests have. OpenAI's SDKs send null for what is left out, so most may be null. */
import { z } from 'zod'

export const modelId = z.string().min(1).max(256).describe('The id of a model that `GET /v1/models` lists for this endpoint.')
export const tokenLimit = z.int().min(1).max(10_000_000)
export const choiceCount = z.int().min(1).max(128)
export const stream = z.boolean().nullish().describe('Whether the answer comes as server-sent events.')
export const user = z.string().nullish().describe('Passed on to the engine inside the envelope; the proxy neither reads nor keeps it.')
export const metadata = z.record(z.string(), z.string()).nullish()

export const streamOptions = z
  .looseObject({
    include_usage: z.boolean().nullish().describe('Whether one more chunk, with the usage and its cost, comes before `[DONE]`.'),
    continuous_usage_stats: z.boolean().nullish().describe('Whether every chunk carries the usage so far.'),
  })
  .nullish()

/** What {@link streamOptions} ask for. */
export function usageAsked(options: z.output<typeof streamOptions>): { asksUsage: boolean; asksContinuousUsage: boolean } {
  const asksUsage = options?.include_usage ?? false
  return { asksUsage, asksContinuousUsage: asksUsage && (options?.continuous_usage_stats ?? false) }
}

/** What models that choose their words by chance are told. Ranges are the engine's business: they differ. */
export const sampling = {
  temperature: z.number().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  seed: z.int().nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish().describe('Token numbers, as text, with what is added to their logits.'),
  stop: z
    .union([z.string(), z.array(z.string()).max(64)])
    .nullish()
    .describe('Texts that end the answer; they are not part of it.'),
}

/** A part of a message. Its `type` says which other members it has. */
export const contentPart = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  image_url: z.union([z.string(), z.looseObject({ url: z.string(), detail: z.string().optional() })]).nullish(),
  input_audio: z.looseObject({ data: z.string(), format: z.string() }).optional(),
  file: z.looseObject({}).optional(),
})

/** Whether some content part anywhere in `value` is an image, a recording or a file: more tokens than bytes. */
export function hasMediaParts(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || depth > 6) return false
  if (Array.isArray(value)) return value.some(item => hasMediaParts(item, depth + 1))
  const { type, content, output } = value as Record<string, unknown>
  if (typeof type === 'string' && /image|audio|video|file/.test(type)) return true
  return hasMediaParts(content, depth + 1) || hasMediaParts(output, depth + 1)
}
