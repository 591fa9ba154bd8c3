/** The built-in engine over loopback HTTP, in the form of OpenAI's own API, so that the agent treats it like any other engine. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { chatAnswer, chatEvents, prepareChat } from './chat-answer.ts'
import { readChatRequest } from './chat-request.ts'
import { completionAnswer, completionEvents, prepareCompletion } from './completion-answer.ts'
import { readCompletionRequest } from './completion-request.ts'
import { embeddingAnswer, prepareEmbeddings } from './embedding-answer.ts'
import { readEmbeddingRequest } from './embedding-request.ts'
import { EngineError } from './errors.ts'
import { Model, type ModelInfo } from './model.ts'

export interface EngineOptions {
  /** A GGUF file with a chat template. */
  readonly modelFile: string
  readonly host: string
  readonly port: number
  readonly logger: Logger
  /** Answers made at once; further ones wait. */
  readonly sequences?: number
}

export interface RunningEngine {
  readonly url: string
  readonly models: readonly ModelInfo[]
  /** Answers being made, and requests waiting for their turn. */
  load(): { busy: number; waiting: number }
  close(): Promise<void>
}

const maxBody = 8 * 1024 * 1024
const statuses = {
  'model-unusable': 500,
  'invalid-request': 400,
  'context-length-exceeded': 400,
  'unknown-model': 404,
  'unknown-path': 404,
} as const

/** Starts the engine. Throws {@link EngineError} `model-unusable`, or where the port is taken. */
export async function startEngine({ modelFile, host, port, logger, sequences = 4 }: EngineOptions): Promise<RunningEngine> {
  const model = await Model.load(modelFile, sequences)
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()
  const server = createServer((request, response) => {
    const handled = handle(model, request, response, stopping.signal).catch(error => fail(response, error, logger))
    running.add(handled)
    void handled.finally(() => running.delete(handled))
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    models: [model.info],
    load: () => model.load,
    close: () => close(server, model, running, stopping),
  }
}

/** Native memory is freed only once nothing uses it any more. */
async function close(server: Server, model: Model, running: ReadonlySet<Promise<void>>, stopping: AbortController): Promise<void> {
  server.close()
  stopping.abort(new Error('the engine stops'))
  await Promise.all(running)
  server.closeAllConnections()
  await model.close()
}

/** How a request is answered: all at once, or event by event. */
interface Answering {
  readonly whole: (signal: AbortSignal) => Promise<object>
  readonly events: ((signal: AbortSignal) => AsyncGenerator<string, void, void>) | undefined
}

const endpoints: Readonly<Record<string, (model: Model, body: unknown) => Promise<Answering> | Answering>> = {
  '/v1/chat/completions': async (model, body) => {
    const request = readChatRequest(body)
    checkModel(model, request)
    const job = await prepareChat(model, request)
    const events = (signal: AbortSignal) => chatEvents(model, job, signal)
    return { whole: signal => chatAnswer(model, job, signal), events: request.stream ? events : undefined }
  },
  '/v1/completions': (model, body) => {
    const request = readCompletionRequest(body)
    checkModel(model, request)
    const job = prepareCompletion(model, request)
    const events = (signal: AbortSignal) => completionEvents(model, job, signal)
    return { whole: signal => completionAnswer(model, job, signal), events: request.stream ? events : undefined }
  },
  '/v1/embeddings': (model, body) => {
    const request = readEmbeddingRequest(body)
    checkModel(model, request)
    const job = prepareEmbeddings(model, request)
    return { whole: signal => embeddingAnswer(model, job, signal), events: undefined }
  },
}

async function handle(model: Model, request: IncomingMessage, response: ServerResponse, stopping: AbortSignal): Promise<void> {
  const left = new AbortController()
  response.once('close', () => left.abort(new Error('the caller went away')))
  const path = new URL(request.url ?? '/', 'http://engine').pathname
  if (request.method === 'GET' && path === '/healthz') return sendJson(response, 200, { status: 'ok', ...model.load })
  if (request.method === 'GET' && path === '/v1/models')
    return sendJson(response, 200, { object: 'list', data: [presentModel(model.info)] })
  const endpoint = request.method === 'POST' && Object.hasOwn(endpoints, path) ? endpoints[path] : undefined
  if (!endpoint) throw new EngineError('unknown-path', `Unknown request URL: ${request.method} ${path.slice(0, 128)}.`)
  const { whole, events } = await endpoint(model, await readJson(request))
  const signal = AbortSignal.any([left.signal, stopping])
  if (events) return sendEvents(response, events(signal), signal)
  sendJson(response, 200, await whole(signal))
}

function checkModel(model: Model, request: { readonly model: string }): void {
  if (request.model !== model.info.id)
    throw new EngineError('unknown-model', `The model does not exist here; this engine serves ${model.info.id}.`, { param: 'model' })
}

async function sendEvents(response: ServerResponse, events: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  response.flushHeaders()
  for await (const event of events) {
    if (signal.aborted) break
    // A reader that is slow holds up its own sequence only.
    if (!response.write(event)) await Promise.race([once(response, 'drain', { signal }).catch(() => {}), once(response, 'close')])
  }
  response.end()
}

async function readJson(incoming: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBody) throw new EngineError('invalid-request', `The body is larger than ${maxBody} bytes.`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    throw new EngineError('invalid-request', 'The body is not valid JSON.')
  }
}

function presentModel({ id, contextLength, weightsDigest }: ModelInfo): object {
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'chrysalis',
    context_length: contextLength,
    weights_digest: weightsDigest,
    // What this engine serves the model on.
    endpoints: Object.keys(endpoints),
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes)
}

function fail(response: ServerResponse, error: unknown, logger: Logger): void {
  if (response.destroyed) return
  if (response.headersSent) {
    response.destroy()
    return
  }
  const known = error instanceof EngineError
  if (!known) logger.error({ cause: messageOf(error) }, 'the engine failed')
  const status = known ? statuses[error.code] : 500
  const code = known
    ? {
        'context-length-exceeded': 'context_length_exceeded',
        'unknown-model': 'model_not_found',
        'unknown-path': 'unknown_url',
        'invalid-request': null,
        'model-unusable': null,
      }[error.code]
    : 'internal_error'
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  sendJson(response, status, {
    error: { message: known ? error.message : 'The engine failed.', type, param: known ? error.param : null, code },
  })
}
