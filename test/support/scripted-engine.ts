/**
 * An engine in OpenAI's HTTP form that does what a test tells it to, well-behaved or hostile, over a real loopback socket.
 * It shows what it was asked and when it was left, so that a test can say what reached an engine and what did not.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** How the engine behaves. Where a mode needs streaming and the request does not stream, the JSON twin is played. */
export type EngineMode =
  | 'good'
  | 'paced' // one token every `paceMs`
  | 'endless' // tokens without end, as fast as they are taken
  | 'hang-before-head'
  | 'hang-in-answer'
  | 'half-answer' // the socket is cut in the middle
  | 'close-before-done' // a clean end, but no [DONE]
  | 'linger-after-done' // [DONE], then the line stays open and talks on
  | 'html'
  | 'garbage'
  | 'wrong-json'
  | 'error-in-stream'
  | 'huge-line'
  | 'usage-too-high'
  | 'usage-too-low'
  | 'usage-negative'
  | 'usage-missing'
  | 'status-400'
  | 'status-404-html'
  | 'status-429'
  | 'status-500'
  | 'refuse-connection'

/** One question as it reached the engine. */
export interface EngineRequest {
  readonly body: Record<string, unknown>
  readonly at: number
  /** When the line was closed under an unfinished answer; undefined while that has not happened. */
  leftAt: number | undefined
  /** Bytes that this engine has handed to its socket. */
  written: number
  /** Fulfilled when the line is gone, finished or not. */
  readonly closed: Promise<void>
}

export interface EngineModel {
  readonly id: string
  readonly context_length?: number
  readonly weights_digest?: string | null
  readonly [member: string]: unknown
}

export interface ScriptedEngineOptions {
  readonly mode?: EngineMode
  readonly models?: readonly EngineModel[]
  /** What a good answer says, token by token. */
  readonly tokens?: readonly string[]
  readonly promptTokens?: number
  readonly cachedTokens?: number
  readonly paceMs?: number
  /** Whether `continuous_usage_stats` is honoured. */
  readonly continuous?: boolean
  readonly port?: number
}

const common = { id: 'chatcmpl-scripted', created: 1_760_000_000, model: 'scripted' }

export class ScriptedEngine {
  mode: EngineMode
  models: readonly EngineModel[]
  tokens: readonly string[]
  promptTokens: number
  cachedTokens: number
  paceMs: number
  continuous: boolean
  /** Everything asked at POST, in order. */
  readonly requests: EngineRequest[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #waiting: (() => void)[] = []

  private constructor(options: ScriptedEngineOptions) {
    this.mode = options.mode ?? 'good'
    this.models = options.models ?? [{ id: 'scripted', context_length: 4096, weights_digest: null }]
    this.tokens = options.tokens ?? ['Hello', ' from', ' the', ' scripted', ' engine', '.']
    this.promptTokens = options.promptTokens ?? 12
    this.cachedTokens = options.cachedTokens ?? 0
    this.paceMs = options.paceMs ?? 5
    this.continuous = options.continuous ?? true
    this.#server = createServer((request, response) => void this.#answer(request, response))
    this.#server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      if (this.mode === 'refuse-connection') socket.destroy()
    })
  }

  static async start(options: ScriptedEngineOptions = {}): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(options)
    engine.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(engine.#server, 'listening')
    return engine
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The text of a good answer. */
  get text(): string {
    return this.tokens.join('')
  }

  /** Waits until `count` questions have come. */
  async asked(count = 1): Promise<EngineRequest> {
    while (this.requests.length < count) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return this.requests[count - 1]!
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close').catch(() => {})
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      json(response, 200, { object: 'list', data: this.models.map(model => ({ object: 'model', created: 0, owned_by: 'test', ...model })) })
      return
    }
    if (this.mode === 'refuse-connection') {
      request.socket.destroy()
      return
    }
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    await once(request, 'end')
    const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>
    const record: EngineRequest = {
      body,
      at: performance.now(),
      leftAt: undefined,
      written: 0,
      closed: once(response, 'close').then(() => {}),
    }
    response.on('close', () => {
      if (!response.writableFinished) record.leftAt = performance.now()
    })
    this.requests.push(record)
    for (const resolve of this.#waiting.splice(0)) resolve()
    try {
      if (body.stream === true) await this.#stream(body, record, response)
      else this.#json(response)
    } catch {
      // The caller left.
    }
  }

  /** Modes that look the same with and without streaming. True when one was played. */
  #plainFailure(response: ServerResponse): boolean {
    switch (this.mode) {
      case 'hang-before-head':
        return true
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Welcome to nginx!</body></html>')
        return true
      case 'status-400':
        json(response, 400, {
          error: { message: 'This model does not like your prompt: TOP SECRET', type: 'BadRequestError', param: 'messages', code: 400 },
        })
        return true
      case 'status-404-html':
        response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>')
        return true
      case 'status-429':
        json(response, 429, { object: 'error', message: 'slow down', type: 'rate_limit', code: null })
        return true
      case 'status-500':
        json(response, 500, { error: { message: 'CUDA error: TOP SECRET', type: 'internal', param: null, code: null } })
        return true
      default:
        return false
    }
  }

  #json(response: ServerResponse): void {
    if (this.#plainFailure(response)) return
    const usage = this.#usage(this.tokens.length)
    const answer = {
      ...common,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: this.text }, logprobs: null, finish_reason: 'stop' }],
      ...(usage ? { usage } : {}),
    }
    const text = JSON.stringify(answer)
    const head = { 'content-type': 'application/json' }
    switch (this.mode) {
      case 'hang-in-answer':
        response.writeHead(200, head).write(text.slice(0, 40))
        return
      case 'half-answer':
        response.writeHead(200, { ...head, 'content-length': text.length }).write(text.slice(0, 40), () => response.destroy())
        return
      case 'close-before-done':
        response.writeHead(200, head).end(text.slice(0, 40))
        return
      case 'garbage':
        response.writeHead(200, head).end(Buffer.from([0, 255, 254, 123, 34, 10, 10]))
        return
      case 'wrong-json':
        response.writeHead(200, head).end('{"hello":["world"]}')
        return
      case 'error-in-stream':
        response.writeHead(200, head).end('{"error":{"message":"TOP SECRET","type":"x","param":null,"code":null}}')
        return
      case 'huge-line':
      case 'endless':
        response.writeHead(200, head)
        this.#pour(response, () => ' '.repeat(64 * 1024))
        return
      default:
        response.writeHead(200, head).end(text)
    }
  }

  async #stream(body: Record<string, unknown>, record: EngineRequest, response: ServerResponse): Promise<void> {
    if (this.#plainFailure(response)) return
    const options = (body.stream_options ?? {}) as { include_usage?: boolean; continuous_usage_stats?: boolean }
    const withUsage = (count: number) => (this.continuous && options.continuous_usage_stats ? { usage: this.#usage(count) } : {})
    const chunk = (delta: object, finish: string | null, count: number) =>
      event({
        ...common,
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
        ...withUsage(count),
      })
    const write = async (text: string) => {
      record.written += text.length
      if (response.write(text)) return
      await drained(response)
      if (response.destroyed) throw new Error('gone')
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    if (this.mode === 'garbage') {
      response.end(Buffer.from('data: {"id":\n\ndata: \u0000\u0001 not json\n\n'))
      return
    }
    if (this.mode === 'wrong-json') {
      response.end('data: {"hello":["world"]}\n\ndata: [DONE]\n\n')
      return
    }
    await write(chunk({ role: 'assistant', content: '' }, null, 0))
    if (this.mode === 'huge-line') {
      await write('data: {"choices":[{"index":0,"delta":{"content":"')
      this.#pour(response, () => 'x'.repeat(64 * 1024))
      return
    }
    const limit = this.mode === 'endless' ? Number.POSITIVE_INFINITY : this.tokens.length
    for (let count = 1; count <= limit; count++) {
      if (response.destroyed) return
      await write(chunk({ content: this.tokens[(count - 1) % this.tokens.length] }, null, count))
      if (this.mode === 'paced') await new Promise(resolve => setTimeout(resolve, this.paceMs))
      else if (this.mode === 'endless' && count % 16 === 0) await new Promise(resolve => setImmediate(resolve))
      if (count === 3) {
        if (this.mode === 'hang-in-answer') return
        if (this.mode === 'half-answer') {
          response.write('data: {"id":"chatc', () => response.destroy())
          return
        }
        if (this.mode === 'error-in-stream') {
          response.end(event({ error: { message: 'the engine broke on TOP SECRET', type: 'InternalServerError', param: null, code: 500 } }))
          return
        }
      }
    }
    await write(chunk({}, 'stop', this.tokens.length))
    const usage = this.#usage(this.tokens.length)
    if (options.include_usage && usage) await write(event({ ...common, object: 'chat.completion.chunk', choices: [], usage }))
    if (this.mode === 'close-before-done') {
      response.end()
      return
    }
    await write('data: [DONE]\n\n')
    if (this.mode !== 'linger-after-done') response.end()
    else this.#pour(response, () => chunk({ content: 'more' }, null, 99))
  }

  #usage(completion: number): object | undefined {
    const details = this.cachedTokens > 0 ? { prompt_tokens_details: { cached_tokens: this.cachedTokens } } : {}
    const of = (prompt: number, completed: number) => ({
      prompt_tokens: prompt,
      completion_tokens: completed,
      total_tokens: prompt + completed,
      ...details,
    })
    switch (this.mode) {
      case 'usage-too-high':
        return of(1_000_000, 1_000_000)
      case 'usage-too-low':
        return of(0, 0)
      case 'usage-negative':
        return of(-5, -7)
      case 'usage-missing':
        return undefined
      default:
        return of(this.promptTokens, completion)
    }
  }

  #pour(response: ServerResponse, piece: () => string): void {
    const turn = () => {
      if (response.destroyed) return
      if (response.write(piece())) setImmediate(turn)
      else response.once('drain', turn)
    }
    turn()
  }
}

function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

/** Waits until the response takes more, or is closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
