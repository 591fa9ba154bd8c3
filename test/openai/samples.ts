/**
 * Answers as they should be. `least` has exactly the members that OpenAI's published description requires (and ours, where
 * the endpoint or the member is our own), so taking any of them away makes it wrong. `more` adds what may be there.
 */
import * as answers from '../../src/openai/answers/index.ts'

export interface Sample {
  readonly name: string
  readonly schema: (typeof answers)['chatCompletion'] | { safeParse(value: unknown): { success: boolean } }
  readonly least: Json
  readonly more?: Json
  /** Texts that may not be any text, by path. */
  readonly fixed: readonly string[]
  /** Members of objects that a caller sent and that are handed back as they came: of any kind. */
  readonly free?: readonly string[]
}

export type Json = { readonly [member: string]: unknown }

const cost = '1020'
const usage = { prompt_tokens: 18, completion_tokens: 11, total_tokens: 29, cost }
const common = { id: 'x-1', created: 1_760_000_000, model: 'm' }
const logprob = { token: 'a', logprob: -0.1, bytes: [97], top_logprobs: [{ token: 'a', logprob: -0.1, bytes: null }] }
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }
const details = { prompt_tokens_details: { cached_tokens: 1 }, completion_tokens_details: { reasoning_tokens: 2 } }

const chat: Sample[] = [
  {
    name: 'a chat',
    schema: answers.chatCompletion,
    least: {
      ...common,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: null, refusal: null }, logprobs: null, finish_reason: 'stop' }],
      usage,
    },
    more: {
      ...common,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'a',
            refusal: 'no',
            reasoning_content: 'because',
            reasoning: 'because',
            tool_calls: [call, { id: 'call_2', type: 'custom', custom: { name: 'g', input: 'x' } }],
            function_call: { name: 'f', arguments: '{}' },
            annotations: [{ type: 'url_citation', url_citation: { start_index: 0, end_index: 1, url: 'u', title: 't' } }],
          },
          logprobs: { content: [logprob], refusal: null },
          finish_reason: 'tool_calls',
        },
      ],
      usage: { ...usage, ...details },
      system_fingerprint: 'fp_1',
      service_tier: 'default',
      metadata: { a: 'b' },
    },
    fixed: [
      'object',
      'usage.cost',
      'choices.0.finish_reason',
      'choices.0.message.role',
      'choices.0.message.tool_calls.0.type',
      'choices.0.message.tool_calls.1.type',
      'choices.0.message.annotations.0.type',
      'service_tier',
    ],
  },
  {
    name: 'a chunk of a chat',
    schema: answers.chatCompletionChunk,
    least: { ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta: {}, finish_reason: null }] },
    more: {
      ...common,
      object: 'chat.completion.chunk',
      choices: [
        {
          index: 0,
          delta: {
            role: 'assistant',
            content: 'a',
            refusal: 'no',
            reasoning_content: 'because',
            reasoning: 'because',
            tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '{' } }],
            function_call: { name: 'f', arguments: '{' },
          },
          logprobs: { content: [logprob], refusal: null },
          finish_reason: 'stop',
        },
      ],
      usage: { ...usage, ...details },
      system_fingerprint: 'fp_1',
      service_tier: 'default',
      obfuscation: 'xxxx',
    },
    fixed: ['object', 'usage.cost', 'choices.0.finish_reason', 'choices.0.delta.role', 'choices.0.delta.tool_calls.0.type', 'service_tier'],
  },
]

const text: Sample[] = [
  {
    name: 'a text',
    schema: answers.completion,
    least: { ...common, object: 'text_completion', choices: [{ index: 0, text: 'a', logprobs: null, finish_reason: 'stop' }], usage },
    more: {
      ...common,
      object: 'text_completion',
      choices: [
        {
          index: 0,
          text: 'a',
          logprobs: { tokens: ['a', 'b'], token_logprobs: [null, -1], top_logprobs: [null, { b: -1 }], text_offset: [0, 1] },
          finish_reason: 'length',
        },
      ],
      usage: { ...usage, ...details },
      system_fingerprint: 'fp_1',
    },
    fixed: ['object', 'usage.cost', 'choices.0.finish_reason'],
  },
  {
    name: 'a chunk of a text',
    schema: answers.completionChunk,
    least: { ...common, object: 'text_completion', choices: [{ index: 0, text: 'a', finish_reason: null }] },
    more: {
      ...common,
      object: 'text_completion',
      choices: [{ index: 0, text: 'a', logprobs: { tokens: ['a'], token_logprobs: [-1] }, finish_reason: 'stop' }],
      usage,
    },
    fixed: ['object', 'usage.cost', 'choices.0.finish_reason'],
  },
]

const promptUsage = { prompt_tokens: 3, total_tokens: 3, cost }
const categoryNames = [
  ...['hate', 'hate/threatening', 'harassment', 'harassment/threatening', 'self-harm', 'self-harm/intent', 'self-harm/instructions'],
  ...['sexual', 'sexual/minors', 'violence', 'violence/graphic', 'illicit', 'illicit/violent'],
]
const categories = <T>(value: T) => Object.fromEntries(categoryNames.map(name => [name, value]))

const prompts: Sample[] = [
  {
    name: 'embeddings',
    schema: answers.embeddingList,
    least: { object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding: [0.5, -1] }], usage: promptUsage },
    more: { object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding: 'AAAAPw==' }], usage: promptUsage },
    fixed: ['object', 'data.0.object', 'data.0.embedding', 'usage.cost'],
  },
  {
    name: 'a moderation',
    schema: answers.moderation,
    least: {
      id: 'modr-1',
      model: 'm',
      results: [
        {
          flagged: false,
          categories: categories(false),
          category_scores: categories(0.01),
          category_applied_input_types: categories(['text']),
        },
      ],
      usage: promptUsage,
    },
    fixed: [...categoryNames.map(name => `results.0.category_applied_input_types.${name}.0`), 'usage.cost'],
  },
  {
    name: 'a ranking',
    schema: answers.ranking,
    least: { results: [{ index: 0, relevance_score: 0.9 }], usage: promptUsage },
    more: { id: 'r', model: 'm', results: [{ index: 0, relevance_score: 0.9, document: { text: 'a' } }], usage: promptUsage },
    fixed: ['usage.cost'],
  },
]

const imageTokens = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
  images: 1,
  cost,
}
const secondsUsage = { type: 'duration', seconds: 3, cost }
const spoken = { type: 'transcript.text.segment', id: 's', start: 0, end: 1, text: 'a', speaker: 'A' }

const media: Sample[] = [
  {
    name: 'images',
    schema: answers.imageList,
    least: { created: 1, data: [{}], usage: imageTokens },
    more: {
      created: 1,
      data: [{ b64_json: 'AAAA', url: 'u', revised_prompt: 'p' }],
      background: 'opaque',
      output_format: 'png',
      size: '1024x1024',
      quality: 'low',
      usage: { ...imageTokens, output_tokens_details: { text_tokens: 0, image_tokens: 0 } },
    },
    fixed: ['data.0.b64_json', 'background', 'output_format', 'size', 'quality', 'usage.cost'],
  },
  {
    name: 'a transcription',
    schema: answers.transcription,
    least: { text: 'a', usage: secondsUsage },
    more: { text: 'a', languages: [{ code: 'en' }], logprobs: [{ token: 'a', logprob: -1, bytes: [97] }], usage: secondsUsage },
    fixed: ['usage.type', 'usage.cost'],
  },
  {
    name: 'a transcription with times',
    schema: answers.verboseTranscription,
    least: { language: 'english', duration: 3, text: 'a', usage: secondsUsage },
    more: {
      language: 'english',
      duration: 3,
      text: 'a',
      words: [{ word: 'a', start: 0, end: 1 }],
      segments: [
        {
          id: 0,
          seek: 0,
          start: 0,
          end: 1,
          text: 'a',
          tokens: [1],
          temperature: 0,
          avg_logprob: -1,
          compression_ratio: 1,
          no_speech_prob: 0,
        },
      ],
      usage: secondsUsage,
    },
    fixed: ['usage.type', 'usage.cost'],
  },
  {
    name: 'a transcription with speakers',
    schema: answers.diarizedTranscription,
    least: { task: 'transcribe', duration: 3, text: 'a', segments: [spoken], usage: secondsUsage },
    fixed: ['task', 'segments.0.type', 'usage.type', 'usage.cost'],
  },
  ...[{ type: 'transcript.text.delta', delta: 'a' }, spoken, { type: 'transcript.text.done', text: 'a', usage: secondsUsage }].map(
    least => ({
      name: least.type,
      schema: answers.transcriptionEvent,
      least,
      fixed: ['type', ...('usage' in least ? ['usage.type', 'usage.cost'] : [])],
    }),
  ),
]

const rid = 'AAAAAAAAAAAAAAAAAAAAAA'
const hex32 = 'ab'.repeat(32)
const price = { prompt: '1', cached: '1', completion: '2', reasoning: '2' }
const served = {
  id: 'm',
  object: 'model',
  created: 0,
  owned_by: 'chrysalis',
  context_length: 8,
  endpoints: ['/v1/embeddings'],
  weights_digest: null,
  price,
}
const terms = { payer: 'EQ', payee: 'EQ', challenge_period: 60, open_until: 1, salt: '18446744073709551615' }
const amountsOf = (...members: string[]) => Object.fromEntries(members.map(member => [member, '5']))
const amounts = ['deposited', 'authorised', 'settled', 'spent', 'reserved', 'available']
const priced = Object.keys(price).map(unit => `price.${unit}`)

const keyId = 'key_0123456789abcdef'
const entry = {
  ...{ seq: 1, rid, receipt_hash: hex32, cost, spent: '5', prev: hex32, hash: hex32, at: 1_790_000_000 },
  ...{ receipt: 'AAAA', model: 'm', worker: 'w', evidence: hex32 },
}
const own: Sample[] = [
  {
    name: 'a model',
    schema: answers.model,
    least: served,
    more: {
      ...served,
      weights_digest: `sha256:${hex32}`,
      price: { ...price, images: '1', characters: '1', seconds: '1' },
    },
    fixed: ['object', 'weights_digest', ...priced, 'price.images', 'price.characters', 'price.seconds'],
  },
  {
    name: 'models',
    schema: answers.modelList,
    least: { object: 'list', data: [served] },
    fixed: ['object', 'data.0.object', ...priced.map(path => `data.0.${path}`)],
  },
  {
    name: 'an error',
    schema: answers.errorBody,
    least: { error: { message: 'm', type: 'invalid_request_error', param: null, code: null } },
    more: { error: { message: 'm', type: 'invalid_request_error', param: 'model', code: 'model_not_found' } },
    fixed: [],
  },
  {
    name: 'an account',
    schema: answers.account,
    least: { channel: 'EQ', status: 'open', ...amountsOf(...amounts), key: { key_id: keyId, spent: '5', limits: {} } },
    fixed: ['status', ...amounts, 'key.key_id', 'key.spent'],
  },
  {
    name: 'a statement',
    schema: answers.statement,
    least: { channel: 'EQ', entries: [entry], root: hex32, spent: '5' },
    fixed: [
      'root',
      'spent',
      ...['receipt_hash', 'cost', 'spent', 'prev', 'hash', 'receipt', 'evidence'].map(member => `entries.0.${member}`),
    ],
  },
  {
    name: 'an account’s evidence',
    schema: answers.accountEvidence,
    least: { digest: hex32, keyset: 'AAAA', quote: 'AAAA', at: 1_790_000_000 },
    fixed: ['digest', 'keyset', 'quote'],
  },
  { name: 'a receipt', schema: answers.receipt, least: { receipt: 'AAAA', cost }, fixed: ['receipt', 'cost'] },
  {
    name: 'evidence',
    schema: answers.evidence,
    least: { version: 1, nonce: hex32, keyset: 'AAAA', gpu_evidence: null, tee: { type: 'tdx', quote: 'AAAA' } },
    fixed: ['nonce', 'keyset', 'tee.type', 'tee.quote'],
  },
  {
    name: 'a proposal',
    schema: answers.channelProposal,
    least: { terms, payer_key: hex32, payee_key: hex32, address: 'EQ', chain: -239, minimum_deposit: '5' },
    fixed: ['terms.salt', 'payer_key', 'payee_key', 'minimum_deposit'],
  },
  { name: 'a new key', schema: answers.keyCreated, least: { api_key: 'sk', key_id: keyId, channel: 'EQ' }, fixed: ['key_id'] },
  {
    name: 'a deployment',
    schema: answers.channelDeployment,
    least: { channel: 'EQ', status: 'waiting', balance: '5', minimum_deposit: '5' },
    fixed: ['status', 'balance', 'minimum_deposit'],
  },
  {
    name: 'keys',
    schema: answers.keyList,
    least: { authorised: '5', keys: [{ key_id: keyId, created_at: 1_790_000_000, revoked_at: null, limits: {}, spent: '5' }] },
    more: {
      authorised: '5',
      keys: [
        {
          ...{ key_id: keyId, created_at: 1_790_000_000, revoked_at: 1_790_000_001, spent: '5' },
          limits: { spend: '5', per_day: '5', models: ['m'], expires_at: 1_790_000_000 },
        },
      ],
    },
    fixed: ['authorised', ...['key_id', 'spent', 'limits.spend', 'limits.per_day'].map(member => `keys.0.${member}`)],
  },
  { name: 'a key that has ended', schema: answers.keyRevoked, least: { key_id: keyId, revoked_at: 1_790_000_000 }, fixed: ['key_id'] },
  {
    name: 'leave to close',
    schema: answers.channelReleased,
    least: { channel: 'EQ', min_settled: '5', signature: 'ab'.repeat(64) },
    fixed: ['min_settled', 'signature'],
  },
  { name: 'a channel whose requests still run', schema: answers.channelRunning, least: { running: 1 }, fixed: [] },
  {
    name: 'a description',
    schema: answers.description,
    least: { openapi: '3.1.1', info: { title: 't', version: '1' }, paths: {}, components: { schemas: {} } },
    fixed: ['openapi'],
  },
  { name: 'alive', schema: answers.alive, least: { status: 'ok' }, fixed: ['status'] },
  { name: 'ready', schema: answers.ready, least: { status: 'ready' }, fixed: ['status'] },
  { name: 'not ready', schema: answers.notReady, least: { status: 'not ready', obstacles: ['x'] }, fixed: ['status'] },
]

export const samples: readonly Sample[] = [...chat, ...text, ...prompts, ...media, ...own]
export { cost, hex32, rid, usage }
