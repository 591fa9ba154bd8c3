/** Every route of the API with what it takes and which errors it tells: what ./document/document.ts is written from. */
import type { z } from 'zod'
import type { Endpoint, MediaType } from './endpoint.ts'
import { endpoints } from './endpoints.ts'
import type { ErrorCode } from './error-codes.ts'
import { channelRequest, commandRequest, deployRequest, evidenceQuery, keyRequest, statementQuery } from './own-requests.ts'

export type Tag = 'Inference' | 'Models' | 'Account' | 'Evidence' | 'Channels' | 'Operation' | 'Reference'

export interface Operation {
  /** Its name in generated clients. */
  readonly id: string
  readonly tag: Tag
  readonly method: 'GET' | 'POST'
  /** With parameters in braces. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  /** Whether an API key is asked for. */
  readonly keyed: boolean
  /** Whether it is charged, limited, and takes an `Idempotency-Key`. */
  readonly paid: boolean
  readonly body?: { readonly takes: MediaType; readonly schema: z.ZodObject }
  readonly query?: z.ZodObject
  /** What the parameters of the path are. */
  readonly parameters: Readonly<Record<string, string>>
  /** Beside those of every route: `internal_error`, and `invalid_api_key` where a key is asked for. */
  readonly errors: readonly ErrorCode[]
}

const ids: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'createChatCompletion',
  '/v1/completions': 'createCompletion',
  '/v1/embeddings': 'createEmbedding',
  '/v1/responses': 'createResponse',
  '/v1/images/generations': 'createImage',
  '/v1/audio/speech': 'createSpeech',
  '/v1/audio/transcriptions': 'createTranscription',
  '/v1/moderations': 'createModeration',
  '/v1/rerank': 'createRanking',
}

/** What every paid endpoint may tell. */
export const paidErrors: readonly ErrorCode[] = [
  'invalid_request',
  'insufficient_quota',
  'model_not_found',
  'request_timeout',
  'idempotency_key_expired',
  'request_too_large',
  'unsupported_media_type',
  'idempotency_key_reused',
  'rate_limit_exceeded',
  'worker_failed',
  'engine_failed',
  'no_attested_worker',
  'ledger_unavailable',
  'shutting_down',
  'overloaded',
]

const own: readonly Operation[] = [
  free('GET', '/v1/models', 'listModels', 'Models', 'Lists the models that are served now, with their prices.'),
  free('GET', '/v1/models/{id}', 'getModel', 'Models', 'One model.', {
    parameters: { id: 'The id of the model; slashes in it stand as they are.' },
    errors: ['model_not_found'],
  }),
  free('GET', '/v1/account', 'getAccount', 'Account', 'The payment channel of the key: what was paid in, spent and settled.', {
    errors: ['not_found'],
  }),
  free('GET', '/v1/account/statement', 'getStatement', 'Account', 'What was charged, entry by entry, each on a worker-signed receipt.', {
    query: statementQuery,
    errors: ['invalid_request'],
  }),
  free('GET', '/v1/account/evidence/{digest}', 'getAccountEvidence', 'Account', 'The keyset and quote that a receipt was signed under.', {
    parameters: { digest: 'As an entry of the statement names it.' },
    errors: ['not_found'],
  }),
  free('GET', '/v1/receipts/{rid}', 'getReceipt', 'Account', 'The worker-signed receipt behind a charge.', {
    parameters: { rid: 'As `x-chrysalis-receipt` names it.' },
    errors: ['not_found'],
  }),
  free('GET', '/v1/attestation', 'getEvidence', 'Evidence', 'Evidence over your nonce, to check it yourself.', {
    description:
      'With `worker` or `model`: of a worker, and an API key is asked for. With neither: of the proxy itself, where it runs in a TD, for everybody.',
    keyed: false,
    query: evidenceQuery,
    errors: ['invalid_request', 'invalid_api_key', 'not_found', 'overloaded', 'worker_failed'],
  }),
  free('POST', '/v1/channels', 'proposeChannel', 'Channels', 'Terms for a new payment channel. Nothing is stored: bring them back.', {
    keyed: false,
    body: { takes: 'application/json', schema: channelRequest },
    errors: ['invalid_request', 'request_too_large'],
  }),
  free('POST', '/v1/channels/deploy', 'deployChannel', 'Channels', 'Opens an address that was paid to, once there is enough.', {
    keyed: false,
    body: { takes: 'application/json', schema: deployRequest },
    errors: ['invalid_request', 'request_too_large', 'chain_unavailable', 'overloaded'],
  }),
  free('POST', '/v1/channels/command', 'commandChannel', 'Channels', 'Keys, revocation and closing, signed by the payer.', {
    keyed: false,
    body: { takes: 'application/json', schema: commandRequest },
    errors: ['invalid_request', 'not_found', 'request_too_large'],
  }),
  free('POST', '/v1/channels/keys', 'createKey', 'Channels', 'A new API key, for a signed ceiling on a channel that is paid in.', {
    keyed: false,
    body: { takes: 'application/json', schema: keyRequest },
    errors: ['invalid_request', 'insufficient_quota', 'request_too_large', 'chain_unavailable'],
  }),
  free('GET', '/healthz', 'isAlive', 'Operation', 'Whether the process runs.', { keyed: false }),
  free('GET', '/readyz', 'isReady', 'Operation', 'Whether a request could be served now.', { keyed: false }),
  free('GET', '/metrics', 'getMetrics', 'Operation', 'Metrics for Prometheus.', { keyed: false }),
  free('GET', '/openapi.json', 'getDescription', 'Reference', 'This description.', { keyed: false }),
  free('GET', '/reference', 'getReference', 'Reference', 'This description as a page.', { keyed: false }),
]

/** In the order of the reference. */
export const operations: readonly Operation[] = [...Array.from(endpoints.values(), paid), ...own]

function paid({ path, summary, takes, request, charges, streamsAs }: Endpoint): Operation {
  const unit = charges === 'tokens' ? 'Charged by the token, prompt and answer.' : `Charged by its ${charges}.`
  const bytes = streamsAs === 'bytes' ? ' The answer comes as the bytes of one file, piece by piece.' : ''
  return {
    ...{ id: ids[path] ?? path, tag: 'Inference', method: 'POST', path, summary, keyed: true, paid: true, parameters: {} },
    description: `${unit}${bytes} Members that are not listed pass to the engine as they are.`,
    body: { takes, schema: request },
    errors: paidErrors,
  }
}

function free(
  method: Operation['method'],
  path: string,
  id: string,
  tag: Tag,
  summary: string,
  more: Partial<Pick<Operation, 'description' | 'keyed' | 'body' | 'query' | 'parameters' | 'errors'>> = {},
): Operation {
  return { method, path, id, tag, summary, keyed: true, paid: false, parameters: {}, errors: [], ...more }
}
