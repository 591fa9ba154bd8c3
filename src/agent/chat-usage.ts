/** `usage` as the caller sees it: the counts of the receipt in OpenAI's form, with what they cost. */
import type { Usage } from '../envelope/index.ts'

/**
 * OpenAI's usage object for `usage`, made over the engine's own so that members we do not know stay. `cost` is nanoTON as a
 * decimal string. Details stand where the engine gave them or where they say something.
 */
export function callerUsage(usage: Usage, cost: bigint, engines: unknown): Record<string, unknown> {
  const own = isRecord(engines) ? engines : {}
  const prompt = usage.prompt + usage.cached
  const completion = usage.completion + usage.reasoning
  const shown: Record<string, unknown> = { ...own, prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
  setDetail(shown, 'prompt_tokens_details', 'cached_tokens', usage.cached)
  setDetail(shown, 'completion_tokens_details', 'reasoning_tokens', usage.reasoning)
  shown.cost = cost.toString()
  return shown
}

function setDetail(usage: Record<string, unknown>, details: string, member: string, count: number): void {
  const own = usage[details]
  if (isRecord(own)) usage[details] = { ...own, ...(count > 0 || member in own ? { [member]: count } : {}) }
  else if (count > 0) usage[details] = { [member]: count }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
