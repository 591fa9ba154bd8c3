/** Between Node's HTTP server and the app: what Node itself refuses is told in OpenAI's form too, with a request id. */
import { randomBytes } from 'node:crypto'
import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import { endpoints } from '../openai/index.ts'
import { ApiError, toApiError, type WorkerReportedError } from './errors.ts'
import { canonicalPath } from './paths.ts'

type Fetch = Parameters<typeof getRequestListener>[0]

/** The part of a server that this needs. */
export interface HttpServer {
  on(event: 'request', action: (incoming: IncomingMessage, outgoing: ServerResponse) => void): unknown
  on(event: 'clientError', action: (error: Error, socket: Duplex) => void): unknown
  on(event: 'checkContinue', action: RequestListener): unknown
}

/** Serves `fetch`; a request whose URL or host cannot be read is a 400. Without a Host header only HTTP/1.0 is served, as `hostname`. */
export function createListener(fetch: Fetch, hostname: string): RequestListener {
  const listener = getRequestListener(fetch, { hostname, errorHandler: error => respond(error) })
  return (incoming, outgoing) => {
    if (incoming.headers.host !== undefined || incoming.httpVersion === '1.0') return void listener(incoming, outgoing)
    const { status, body, headers } = refusal(unreadable())
    outgoing.writeHead(status, { ...headers, connection: 'close' }).end(body)
  }
}

/** Answers what Node's parser refuses (sizes, smuggling, bytes that are not HTTP) and closes the connection. */
export function answerClientErrors(server: HttpServer): void {
  const running = new WeakMap<Duplex, { incoming: IncomingMessage; outgoing: ServerResponse }>()
  server.on('request', (incoming, outgoing) => running.set(incoming.socket, { incoming, outgoing }))
  server.on('clientError', (error, socket) => {
    const last = running.get(socket)
    // Behind a request that is whole the fault is in the next one: its refusal must not be taken for the answer of the first.
    const isAnswering = last !== undefined && !last.outgoing.writableFinished && (last.incoming.complete || last.outgoing.headersSent)
    if (!socket.writable || isAnswering) {
      socket.destroy()
      return
    }
    const { status, body, headers } = refusal(errorFor('code' in error ? String(error.code) : ''))
    const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' })
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${body}`, () => socket.destroy())
  })
}

/**
 * Serves requests with `expect: 100-continue`. Where a body is paid for, whoever reads it says when to go on, so that what is
 * refused by its headers is never sent; anywhere else the caller may go on at once.
 */
export function answerExpectations(server: HttpServer, listener: RequestListener): void {
  server.on('checkContinue', (incoming, outgoing) => {
    const path = canonicalPath((incoming.url ?? '').split('?', 1)[0]!)
    if (!endpoints.has(path)) outgoing.writeContinue()
    listener(incoming, outgoing)
  })
}

function respond(error: unknown): Response {
  const { status, body, headers } = refusal(error instanceof RequestError ? unreadable() : toApiError(error))
  return new Response(body, { status, headers })
}

function unreadable(): ApiError {
  return new ApiError('invalid_request', 'The URL or the Host header of the request is not valid.')
}

function errorFor(code: string): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError('headers_too_large', 'The headers of the request are too large.')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ApiError('request_too_large', 'The chunk extensions of the body are too large.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError('request_timeout', 'The request did not arrive in time.')
    default:
      return new ApiError('invalid_request', 'The request is not valid HTTP.')
  }
}

function refusal(error: ApiError | WorkerReportedError): { status: number; body: string; headers: Record<string, string> } {
  const headers = {
    ...('headers' in error ? error.headers : {}),
    'x-request-id': `req_${randomBytes(12).toString('hex')}`,
    'content-type': 'application/json',
  }
  return { status: error.status, body: JSON.stringify(error.body), headers }
}
