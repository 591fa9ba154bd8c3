/** The answer of `POST /v1/responses`. Answers are kept nowhere, so it can be read once only. */
import { z } from 'zod'
import { count, named } from './parts.ts'
import { outputItem } from './response-items.ts'
import { responseUsage } from './usage.ts'

const errorCode = z.enum([
  'server_error',
  'rate_limit_exceeded',
  'invalid_prompt',
  'data_residency_mismatch',
  'bio_policy',
  'vector_store_timeout',
  'invalid_image',
  'invalid_image_format',
  'invalid_base64_image',
  'invalid_image_url',
  'image_too_large',
  'image_too_small',
  'image_parse_error',
  'image_content_policy_violation',
  'invalid_image_mode',
  'image_file_too_large',
  'unsupported_image_media_type',
  'empty_image_file',
  'failed_to_download_image',
  'image_file_not_found',
])

const typed = z.looseObject({ type: z.string() })

const members = {
  id: z.string(),
  object: z.literal('response'),
  created_at: z.number().min(0).describe('Seconds since 1970.'),
  completed_at: z.number().min(0).nullish(),
  status: z.enum(['completed', 'failed', 'in_progress', 'cancelled', 'queued', 'incomplete']).optional(),
  error: z.looseObject({ code: errorCode, message: z.string() }).nullable(),
  incomplete_details: z.looseObject({ reason: z.enum(['max_output_tokens', 'content_filter']).optional() }).nullable(),
  instructions: z.union([z.string(), z.array(z.looseObject({}))]).nullable(),
  model: z.string(),
  output: z.array(outputItem),
  output_text: z.string().nullish(),
  parallel_tool_calls: z.boolean(),
  tools: z.array(typed),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), typed]),
  temperature: z.number().min(0).max(2).nullable(),
  top_p: z.number().min(0).max(1).nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  max_output_tokens: count.nullish(),
  max_tool_calls: count.nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
  service_tier: z.enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast', 'ultrafast']).nullish(),
  reasoning: z.looseObject({}).nullish(),
  text: z.looseObject({}).nullish(),
  previous_response_id: z.null().optional().describe('Always null: answers are kept nowhere.'),
  background: z.literal(false).nullish(),
  store: z.literal(false).optional().describe('Always false: answers are kept nowhere.'),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
}

/** The whole answer. */
export const response = named('Response', 'A response.', z.looseObject({ ...members, usage: responseUsage }))

/** The same inside an event, where it may be on its way still and has not been counted. */
export const responseSoFar = named('ResponseSoFar', 'A response on its way.', z.looseObject({ ...members, usage: responseUsage.nullish() }))
