/** The API over a real loopback socket, with everything behind it played by a test. Every answer is checked as it is written. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Answer } from '../../../src/api/answer.ts'
import { answerClientErrors, answerExpectations, createApi, createListener, hashApiKey, Metrics } from '../../../src/api/index.ts'
import type { InferenceRequest } from '../../../src/api/inference.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { silentLogger } from '../../../src/lib/logger.ts'
import { CheckedResponse } from '../../support/answers/checked-response.ts'

type Options = Parameters<typeof createApi>[0]
export type Run = (request: InferenceRequest, answer: Answer) => Promise<void>

export const apiKey = 'sk-good'

const rid = 'AAAAAAAAAAAAAAAAAAAAAA'
/** What {@link answering} answers. */
export const chatAnswer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'a',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.', refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10, cost: '1' },
})

/** A `run` that answers a chat, with a charge of one nanoTON for ten tokens. */
export function answering(): Run {
  return async (request, answer) => {
    request.admit(100)
    answer.begin({ status: 200, contentType: 'application/json', headers: { 'x-chrysalis-receipt': rid } })
    answer.write(Buffer.from(chatAnswer))
    request.charged(receipt)
    answer.finish()
  }
}

const proposal = {
  terms: { payer: 'EQ', payee: 'EQ', challenge_period: 60, open_until: 1, salt: '0' },
  ...{ payer_key: 'ab'.repeat(32), payee_key: 'cd'.repeat(32), address: 'EQ', chain: -239, minimum_deposit: '5' },
}

/** Ten tokens for one nanoTON. */
export const receipt = {
  rid,
  worker: 'w',
  keyset: '',
  model: 'm',
  weights: null,
  ctx: '',
  request: '',
  transcript: '',
  usage: { prompt: 4, cached: 1, completion: 3, reasoning: 2 },
  cost: '1',
  finish: 'stop',
  channel: 'EQA',
  started: 0,
  ended: 0,
} as const

/** The API, with everything behind it played. */
export function fakeApi(run: Run, changes: Partial<Record<keyof Options, unknown>> = {}): ReturnType<typeof createApi> {
  const ledger = { findKey: (hash: string) => (hash === hashApiKey(apiKey) ? { hash, channel: 'EQA', createdAt: 1 } : undefined) }
  const options = {
    ledger,
    inference: { run },
    models: () =>
      ['__proto__', 'toString', 'org/a model', 'a'].map(id => ({
        id,
        contextLength: 8,
        weights: null,
        endpoints: ['/v1/chat/completions'],
        price: { prompt: '1', cached: '1', completion: '2', reasoning: '2' },
      })),
    evidence: {},
    channels: {
      propose: () => proposal,
      createKey: async () => ({ api_key: 'sk-new', key_id: 'key_0123456789abcdef', channel: 'EQ' }),
      deploy: async () => ({ channel: 'EQ', status: 'waiting', balance: '5', minimum_deposit: '5' }),
      command: async () => ({ authorised: '5', keys: [] }),
    },
    health: { obstacles: () => [] },
    metrics: new Metrics({ leases: () => ({ live: 1, known: 1 }), workers: () => [], running: () => 0, chain: () => [] }),
    logger: silentLogger,
    clock: systemClock,
    bodyLimits: { bytes: 100_000, togetherBytes: 1_000_000, totalMs: 10_000, silentMs: 5_000 },
    keyLimits: { requestsPerMinute: 10_000, tokensPerMinute: 1_000_000, concurrent: 100 },
    idempotency: { memoryBytes: 1_000_000, keepMs: 600_000, lingerMs: 1_000 },
    corsOrigins: [],
    simulated: true,
    ...changes,
  }
  return createApi(options as unknown as Options)
}

/** Serves the API until the test ends. */
export async function serveApi(run: Run, changes: Partial<Record<keyof Options, unknown>> = {}) {
  const listener = createListener(fakeApi(run, changes).fetch, '127.0.0.1')
  const server = createServer({ requireHostHeader: false, ServerResponse: CheckedResponse }, listener)
  answerClientErrors(server)
  answerExpectations(server, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  return {
    origin,
    post: (path: string, body: string | object, headers: Record<string, string> = {}) =>
      fetch(origin + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path: string, init: RequestInit = {}) =>
      fetch(origin + path, { ...init, headers: { authorization: `Bearer ${apiKey}`, ...(init.headers as Record<string, string>) } }),
    /** Sends bytes as they are and returns all that came back until the server closed. */
    raw: async (bytes: string): Promise<string> => {
      const socket = connect(port, '127.0.0.1')
      let answer = ''
      socket.setEncoding('latin1').on('data', (text: string) => {
        answer += text
      })
      socket.on('error', () => {})
      socket.write(bytes, 'latin1')
      await once(socket, 'close')
      return answer
    },
  }
}

export const question = { model: 'a', messages: [{ role: 'user', content: 'hello' }] }
