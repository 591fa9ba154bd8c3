/**
 * The way from the proxy to one worker: HTTP/1.1 keep-alive by `undici`, bytes in, bytes out. Nothing here opens an
 * envelope. Answers are pushed to a sink as they arrive, because promises and web streams cost more than the envelope does.
 */
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { Pool } from 'undici'
import type { SealedRequest } from '../envelope/index.ts'
import { LinkError } from './errors.ts'

const envelopeType = 'application/chrysalis-envelope'
const maxOuterAnswer = 16 * 1024
const maxEvidence = 1024 * 1024

/** Requests above so many bytes are sealed and sent piece by piece. */
const largeRequest = 512 * 1024

/** The bytes of a request: at once where they are few, else by pieces, which are made as the worker takes them. */
export type Outgoing = Pick<SealedRequest, 'size' | 'bytes' | 'pieces'>

/** Receives one answer. After `end` or `fail` nothing follows; exactly one of them comes. */
export interface AnswerSink {
  /** Bytes of the envelope. Returning false asks for a pause until {@link LinkCall.resume}. */
  data(chunk: Buffer): boolean
  end(): void
  fail(error: LinkError): void
}

/** A running request. */
export interface LinkCall {
  resume(): void
  /** Cuts the line. The sink hears `fail`. */
  abort(): void
}

export interface WorkerLinkOptions {
  /** The worker's base URL. */
  url: string
  /** How long the worker may take until its answer begins, and how long it may be silent within it. */
  firstByteMs: number
  idleMs: number
}

/** One worker's connections. */
export class WorkerLink {
  readonly #pool: Pool
  readonly #basePath: string

  constructor(options: WorkerLinkOptions) {
    const url = new URL(options.url)
    this.#basePath = url.pathname.replace(/\/$/, '')
    this.#pool = new Pool(url.origin, {
      connections: null,
      pipelining: 1,
      connect: { timeout: 5_000 },
      keepAliveTimeout: 4_000,
      headersTimeout: options.firstByteMs,
      bodyTimeout: options.idleMs,
    })
  }

  /**
   * Sends a sealed request to `POST /v1/sealed` and feeds the answer to `sink`. `mayLeave` is asked when the connection stands and
   * before each piece of a large body: from the moment it says no, nothing more is sent, and the sink hears `withdrawn`. `more` are headers beside the usual ones.
   */
  send(sealed: Outgoing, sink: AnswerSink, mayLeave: () => boolean, more: Readonly<Record<string, string>> = {}): LinkCall {
    const isLarge = sealed.size > largeRequest
    const headers = { 'content-type': envelopeType, accept: envelopeType, 'content-length': String(sealed.size), ...more }
    const dispatch = () => {
      const body = isLarge ? Readable.from(paced(sealed.pieces(), mayLeave), oneAhead) : sealed.bytes
      this.#pool.dispatch({ path: `${this.#basePath}/v1/sealed`, method: 'POST', headers, body }, exchange)
    }
    const exchange: Exchange = new Exchange(sink, dispatch, mayLeave)
    exchange.start()
    return exchange
  }

  /** Asks the worker to stop working on `rid`; it then ends the answer with what was made. Never throws: who asks is leaving anyway. */
  async cancel(rid: string): Promise<void> {
    // The worker also stops when the line is cut.
    await this.#courtesy(`${this.#basePath}/v1/sealed/${rid}/cancel`)
  }

  /** The worker's evidence document over `nonce`, word for word. Throws {@link LinkError}. */
  async fetchEvidence(nonce: Uint8Array): Promise<string> {
    const path = `${this.#basePath}/.well-known/chrysalis?nonce=${Buffer.from(nonce).toString('hex')}`
    try {
      const { statusCode, body } = await this.#pool.request({ path, method: 'GET', headersTimeout: 30_000, bodyTimeout: 30_000 })
      const text = await bounded(body, maxEvidence)
      if (statusCode !== 200)
        throw new LinkError('refused', `the worker answered ${statusCode} in place of evidence`, { status: statusCode })
      return text
    } catch (cause) {
      throw asLinkError(cause, false)
    }
  }

  /** One plain question beside the sealed ones, such as what the worker wants to be paid. Throws {@link LinkError}. */
  async ask(method: 'GET' | 'POST', path: string, json?: string): Promise<{ status: number; text: string }> {
    try {
      const { statusCode, body } = await this.#pool.request({
        ...{ path: this.#basePath + path, method, headersTimeout: 30_000, bodyTimeout: 30_000 },
        ...(json === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: json }),
      })
      return { status: statusCode, text: await bounded(body, maxOuterAnswer) }
    } catch (cause) {
      throw asLinkError(cause, false)
    }
  }

  /** Tells the worker what came of its evidence: a document in JSON. Never throws: it is a courtesy. */
  async tellVerdict(document: string): Promise<void> {
    await this.#courtesy(`${this.#basePath}/.well-known/chrysalis/verdict`, document)
  }

  async #courtesy(path: string, json?: string): Promise<void> {
    try {
      const { body } = await this.#pool.request({
        path,
        method: 'POST',
        headersTimeout: 5_000,
        bodyTimeout: 5_000,
        ...(json === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: json }),
      })
      await body.dump()
    } catch {
      // Who cannot be told is not told.
    }
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

/** At most one piece is made before the worker takes it. */
const oneAhead = { objectMode: false, highWaterMark: 1 }

/** A turn of the event loop between two pieces, however fast the other end takes them. */
async function* paced(pieces: Iterable<Buffer>, mayLeave: () => boolean): AsyncGenerator<Buffer, void, undefined> {
  for (const piece of pieces) {
    if (!mayLeave()) throw withdrawn()
    yield piece
    await setImmediate()
  }
}

function withdrawn(): LinkError {
  return new LinkError('withdrawn', 'the lease of the worker ended before the request was sent')
}

async function bounded(body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > limit) throw new LinkError('broken', `the worker's answer is larger than ${limit} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function asLinkError(cause: unknown, begun: boolean): LinkError {
  if (cause instanceof LinkError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (/TIMEOUT/.test(code)) return new LinkError('timeout', 'the worker was silent for too long', { cause })
  return begun
    ? new LinkError('broken', 'the connection to the worker broke', { cause })
    : new LinkError('unreachable', 'the worker cannot be reached', { cause })
}

type Controller = import('undici').Dispatcher.DispatchController

/** The undici handler of one sealed request. */
class Exchange implements LinkCall {
  readonly #sink: AnswerSink
  readonly #dispatch: () => void
  readonly #mayLeave: () => boolean
  #controller: Controller | undefined
  #again = true
  #done = false
  #aborted = false
  #status = 0
  #outer: Buffer[] | undefined
  #outerSize = 0

  constructor(sink: AnswerSink, dispatch: () => void, mayLeave: () => boolean) {
    this.#sink = sink
    this.#dispatch = dispatch
    this.#mayLeave = mayLeave
  }

  start(): void {
    this.#dispatch()
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort(new Error('the line was cut'))
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    if (this.#aborted) controller.abort(new Error('the line was cut'))
    // The connection stands and nothing is written yet: making it may have taken longer than the lease lived.
    else if (!this.#mayLeave()) controller.abort(withdrawn())
  }

  onResponseStart(_controller: Controller, status: number, headers: Record<string, string | string[] | undefined>): void {
    this.#status = status
    if (status !== 200 || !String(headers['content-type'] ?? '').startsWith(envelopeType)) this.#outer = []
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#done) return
    if (this.#outer) {
      this.#outerSize += chunk.length
      if (this.#outerSize <= maxOuterAnswer) this.#outer.push(chunk)
    } else if (!this.#sink.data(chunk)) controller.pause()
  }

  onResponseEnd(): void {
    if (this.#done) return
    this.#done = true
    if (this.#outer) this.#sink.fail(outerAnswer(this.#status, Buffer.concat(this.#outer)))
    else this.#sink.end()
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (this.#done) return
    if (this.#again && this.#status === 0 && !this.#aborted && isClosedSocket(error)) {
      // A kept connection that the worker closed just now. The same bytes may be sent again: a worker that did get them refuses the replay.
      this.#again = false
      this.#dispatch()
      return
    }
    this.#done = true
    this.#sink.fail(asLinkError(error, this.#status !== 0))
  }
}

function isClosedSocket(error: Error): boolean {
  return 'code' in error && (error.code === 'UND_ERR_SOCKET' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function outerAnswer(status: number, body: Buffer): LinkError {
  let problem: string | undefined
  try {
    const { type } = JSON.parse(body.toString('utf8')) as { type?: unknown }
    const match = typeof type === 'string' ? /^urn:chrysalis:([a-z-]{1,32})$/.exec(type) : null
    problem = match?.[1]
  } catch {
    // Not a problem document: the status has to do.
  }
  return new LinkError('refused', `the worker refused the request (${problem ?? status})`, { status, ...(problem ? { problem } : {}) })
}
