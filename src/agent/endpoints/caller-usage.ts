/** `usage` as the caller sees it: the counts of the receipt in OpenAI's form, with what they cost. */
import type { Usage } from '../../envelope/index.ts'
import { isRecord } from './body.ts'

/** How an endpoint spells its counts. */
export type Spelling = 'prompt' | 'input'

/**
 * OpenAI's usage object for `usage`, made over the engine's own so that members we do not know stay. `cost` is nanoTON as a
 * decimal string. Details stand where the engine gave them or where they say something; a response always has them, for
 * OpenAI's form requires them of it.
 */
export function callerUsage(usage: Usage, cost: bigint, engines: unknown, spelling: Spelling = 'prompt'): Record<string, unknown> {
  const own = recordOf(engines)
  const prompt = usage.prompt + usage.cached
  const completion = usage.completion + usage.reasoning
  const [ins, outs] = spelling === 'prompt' ? ['prompt_tokens', 'completion_tokens'] : ['input_tokens', 'output_tokens']
  const shown: Record<string, unknown> = { ...own, [ins]: prompt, [outs]: completion, total_tokens: prompt + completion }
  if (spelling === 'input') {
    // Nothing is charged for writing to a cache, so an engine that does not count it has written none.
    shown.input_tokens_details = { cache_write_tokens: 0, ...recordOf(own.input_tokens_details), cached_tokens: usage.cached }
    shown.output_tokens_details = { ...recordOf(own.output_tokens_details), reasoning_tokens: usage.reasoning }
  } else {
    setDetail(shown, `${ins}_details`, 'cached_tokens', usage.cached)
    setDetail(shown, `${outs}_details`, 'reasoning_tokens', usage.reasoning)
  }
  shown.cost = cost.toString()
  return shown
}

/** The same where images were made: what counts are they; tokens are the engine's own, 0 where it counts none. */
export function imagesUsage(usage: Usage, cost: bigint, engines: unknown): Record<string, unknown> {
  const none = { input_tokens: 0, output_tokens: 0, total_tokens: 0 }
  const own = recordOf(engines)
  const details = { text_tokens: 0, image_tokens: 0, ...recordOf(own.input_tokens_details) }
  return { ...none, ...own, input_tokens_details: details, images: usage.images, cost: cost.toString() }
}

/** The same where nothing but a prompt was read, as embeddings have it. */
export function promptUsage(usage: Usage, cost: bigint, engines: unknown): Record<string, unknown> {
  const own = recordOf(engines)
  const prompt = usage.prompt + usage.cached
  return { ...own, prompt_tokens: prompt, total_tokens: prompt, cost: cost.toString() }
}

function setDetail(usage: Record<string, unknown>, details: string, member: string, count: number): void {
  const own = usage[details]
  if (isRecord(own)) usage[details] = { ...own, ...(count > 0 || member in own ? { [member]: count } : {}) }
  else if (count > 0) usage[details] = { [member]: count }
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}
