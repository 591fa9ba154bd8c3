/** What OpenAI's clients read of limits: `x-ratelimit-*` on every paid answer, `retry-after` and `retry-after-ms` on a refusal. */
import { ApiError } from './errors.ts'
import type { Allowance, KeyLimits, Refusal } from './rate-limiter.ts'

/** The six headers: what is left when the head is sent. A stream's head counts its worst case; any other comes behind the receipt, which corrected it. */
export function rateLimitHeaders({ requests, tokens }: { requests: Allowance; tokens: Allowance }): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(requests.limit),
    'x-ratelimit-limit-tokens': String(tokens.limit),
    'x-ratelimit-remaining-requests': String(requests.remaining),
    'x-ratelimit-remaining-tokens': String(tokens.remaining),
    'x-ratelimit-reset-requests': formatDuration(requests.resetMs),
    'x-ratelimit-reset-tokens': formatDuration(tokens.resetMs),
  }
}

/** Milliseconds in the form OpenAI sends: `0s`, `12ms`, `1s`, `6m0s`. Rounded up, so that nobody is told to come too early. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 1_000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 1_000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}

/** 429 for a refusal. One that can never fit says so, and that retrying is of no use. */
export function rateLimitError({ limit, retryAfterMs }: Refusal, limits: KeyLimits): ApiError {
  const allowed = {
    requests: `${limits.requestsPerMinute} requests a minute`,
    tokens: `${limits.tokensPerMinute} tokens a minute`,
    concurrent: `${limits.concurrent} requests at once`,
  }[limit]
  if (retryAfterMs === undefined)
    return new ApiError(
      'rate_limit_exceeded',
      `This request may take more than the ${allowed} that a key has. Lower max_tokens or send less at once.`,
      { headers: { 'x-should-retry': 'false' } },
    )
  return new ApiError('rate_limit_exceeded', `Rate limit reached: a key has ${allowed}.`, { headers: retryAfter(retryAfterMs) })
}

/** Both spellings of when to come again: the SDKs read the first, everybody else the second. */
export function retryAfter(ms: number): Record<string, string> {
  return { 'retry-after-ms': String(ms), 'retry-after': String(Math.ceil(ms / 1_000)) }
}
