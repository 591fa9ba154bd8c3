/** The built-in engine over loopback HTTP, in the form of OpenAI's own API, so that the agent treats it like any other engine. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { completion, events } from './answer.ts'
import { readChatRequest } from './chat-request.ts'
import { EngineError } from './errors.ts'
import { prepare } from './generate.ts'
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

async function handle(model: Model, request: IncomingMessage, response: ServerResponse, stopping: AbortSignal): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://engine').pathname
  if (request.method === 'GET' && path === '/healthz') return sendJson(response, 200, { status: 'ok', ...model.load })
  if (request.method === 'GET' && path === '/v1/models')
    return sendJson(response, 200, { object: 'list', data: [presentModel(model.info)] })
  if (request.method === 'POST' && path === '/v1/chat/completions') return chat(model, request, response, stopping)
  throw new EngineError('unknown-path', `Unknown request URL: ${request.method} ${path.slice(0, 128)}.`)
}

async function chat(model: Model, incoming: IncomingMessage, response: ServerResponse, stopping: AbortSignal): Promise<void> {
  const request = readChatRequest(await readJson(incoming))
  if (request.model !== model.info.id)
    throw new EngineError('unknown-model', `The model does not exist here; this engine serves ${model.info.id}.`, { param: 'model' })
  const generation = prepare(model, request)
  const left = new AbortController()
  response.once('close', () => left.abort(new Error('the caller went away')))
  const signal = AbortSignal.any([left.signal, stopping])
  if (!request.stream) {
    const answer = await completion(request, generation, model.info.id, signal)
    return sendJson(response, 200, answer)
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  for await (const event of events(request, generation, model.info.id, signal)) {
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
  return { id, object: 'model', created: 0, owned_by: 'chrysalis', context_length: contextLength, weights_digest: weightsDigest }
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
