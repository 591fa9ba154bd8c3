/** Between Node's HTTP server and the app: what Node itself refuses is told in OpenAI's form too, with a request id. */
import { randomBytes } from 'node:crypto'
import { type RequestListener, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import { ApiError, toApiError, type WorkerReportedError } from './errors.ts'

type Fetch = Parameters<typeof getRequestListener>[0]

/** The part of a server that this needs. */
export interface HttpServer {
  on(event: 'clientError', action: (error: Error, socket: Duplex) => void): unknown
}

/** Serves `fetch`; a request whose URL or host cannot be read is a 400. */
export function createListener(fetch: Fetch, hostname: string): RequestListener {
  const listener = getRequestListener(fetch, {
    hostname,
    errorHandler: error => {
      const { status, body, headers } = refusal(
        error instanceof RequestError
          ? new ApiError('invalid_request', 'The URL or the Host header of the request is not valid.')
          : toApiError(error),
      )
      return new Response(body, { status, headers })
    },
  })
  return (incoming, outgoing) => void listener(incoming, outgoing)
}

/** Answers what Node's parser refuses (sizes, smuggling, bytes that are not HTTP) and closes the connection. */
export function answerClientErrors(server: HttpServer): void {
  server.on('clientError', (error, socket) => {
    // A connection that is gone, or that an answer has begun on, takes no other answer.
    if (!socket.writable || ('bytesWritten' in socket && socket.bytesWritten !== 0 && !isIdle(socket))) {
      socket.destroy()
      return
    }
    const { status, body, headers } = refusal(errorFor('code' in error ? String(error.code) : ''))
    const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' })
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`)
  })
}

/** Node hangs the running answer on its socket. */
function isIdle(socket: Duplex): boolean {
  return !('_httpMessage' in socket) || !socket._httpMessage
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
