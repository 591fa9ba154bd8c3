/** Every error that the API tells, as data: what its code stands for, on the wire and in the OpenAPI document. */

export interface ErrorKind {
  readonly status: number
  /** OpenAI's `type`, which its SDKs show. */
  readonly type: string
  /** What it means, and what to do. */
  readonly description: string
}

const invalid = 'invalid_request_error'

/** By code. `invalid_request` is the one that stands without a code on the wire, as OpenAI has it. */
export const errorKinds = {
  invalid_request: { status: 400, type: invalid, description: 'Fix the request; `param` names the member.' },
  invalid_api_key: { status: 401, type: invalid, description: 'Fix the API key.' },
  insufficient_quota: {
    status: 402,
    type: 'insufficient_quota',
    description: 'The channel does not cover the worst case of this request. Top up; it is never retried by itself.',
  },
  model_not_found: { status: 404, type: invalid, description: 'The model is not served here, or not at this endpoint.' },
  unknown_url: { status: 404, type: invalid, description: 'There is nothing at this path.' },
  not_found: { status: 404, type: invalid, description: 'There is no such thing.' },
  method_not_allowed: { status: 405, type: invalid, description: '`allow` says which methods there are.' },
  request_timeout: { status: 408, type: invalid, description: 'The body did not come in time. Send it faster.' },
  idempotency_key_expired: {
    status: 409,
    type: invalid,
    description: 'This Idempotency-Key was charged, and its answer is not kept any more. Take a new key and pay again, or leave it.',
  },
  request_too_large: { status: 413, type: invalid, description: 'The body is too large.' },
  unsupported_media_type: { status: 415, type: invalid, description: 'Send the body in the media type of the endpoint.' },
  // 422 as in the IETF draft "The Idempotency-Key HTTP Header Field"; OpenAI's clients do not retry it, as they would a 409.
  idempotency_key_reused: { status: 422, type: invalid, description: 'An Idempotency-Key names one request, and this is another.' },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error', description: 'Come again after `retry-after-ms`.' },
  headers_too_large: { status: 431, type: invalid, description: 'Send fewer or shorter headers.' },
  internal_error: { status: 500, type: 'server_error', description: 'Report it with the request id.' },
  worker_failed: { status: 502, type: 'server_error', description: 'The worker did not answer. Try again.' },
  engine_failed: { status: 502, type: 'server_error', description: 'The engine of the worker did not answer well. Try again.' },
  no_attested_worker: { status: 503, type: 'server_error', description: 'No worker with valid evidence is free for this. Try again.' },
  ledger_unavailable: { status: 503, type: 'server_error', description: 'Money cannot be reserved now. Try again.' },
  chain_unavailable: { status: 503, type: 'server_error', description: 'The TON chain cannot be asked now. Try again.' },
  shutting_down: { status: 503, type: 'server_error', description: 'The proxy is about to stop. Try again.' },
  overloaded: { status: 503, type: 'server_error', description: 'Too much runs already. Try again.' },
} satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorKinds
