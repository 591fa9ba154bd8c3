/**
 * An engine in OpenAI's HTTP form that does what a test tells it to, well-behaved or hostile, over a real loopback socket, on
 * every endpoint. It shows what it was asked and when it was left, so that a test can say what reached an engine and what did not.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Body, type Counts, capably, echoing, hasText, plainly, type Script, scripts } from './scripted/index.ts'
import { Stage } from './scripted/stage.ts'

/** How the engine behaves, whole and streamed. Where a mode means nothing for an answer's kind, the answer is good. */
export type EngineMode =
  | 'good'
  | 'echo' // the text of the answer, or its member `echo`, is what the engine got
  | 'capable' // calls the functions it is offered, once; JSON of the form that is asked for
  | 'paced' // one token every `paceMs`
  | 'stepped' // one token for each `step()`
  | 'endless' // tokens without end, as fast as they are taken
  | 'hang-before-head'
  | 'hang-in-answer' // after the third token
  | 'half-answer' // the socket is cut in the middle
  | 'close-before-done' // a clean end, but without the last word: `[DONE]`, or the event that stands for it
  | 'cut-after-done' // the last word, then the socket is cut
  | 'linger-after-done' // the last word, then the line stays open and talks on
  | 'html'
  | 'garbage'
  | 'wrong-json'
  | 'wrong-media-type'
  | 'error-in-stream' // after the third token; whole: an error in a 200 answer
  | 'huge-line' // a gigabyte on one line, made as it is taken
  | 'usage-too-high'
  | 'usage-too-low'
  | 'usage-negative'
  | 'usage-missing'
  | 'status-400'
  | 'status-404-html'
  | 'status-429'
  | 'status-500'
  | 'status-503'
  | 'refuse-connection'

/** One question as it reached the engine. */
export interface EngineRequest {
  readonly path: string
  readonly contentType: string
  /** The JSON, or the fields of a form; a file stands as its name, type and size. */
  readonly body: Record<string, unknown>
  readonly bytes: Buffer
  readonly at: number
  /** When the line was closed under an unfinished answer; undefined while that has not happened. */
  leftAt: number | undefined
  /** Bytes that this engine has handed to its socket. */
  written: number
  /** Tokens that it has made. */
  made: number
  /** Fulfilled when the line is gone, finished or not. */
  readonly closed: Promise<void>
}

export interface EngineModel {
  readonly id: string
  readonly context_length?: number
  readonly weights_digest?: string | null
  /** Paths it is served on; where it is missing the engine does not tell. */
  readonly endpoints?: readonly string[]
  readonly [member: string]: unknown
}

/** Answers in place of every mode; one that returns false leaves it to the mode. */
export type Custom = (request: EngineRequest, response: ServerResponse) => undefined | false | Promise<void>

export interface ScriptedEngineOptions {
  readonly mode?: EngineMode
  readonly models?: readonly EngineModel[]
  /** What a good answer says, token by token. */
  readonly tokens?: readonly string[]
  readonly promptTokens?: number
  readonly cachedTokens?: number
  /** What a recording lasts. */
  readonly seconds?: number
  readonly paceMs?: number
  /** Whether `continuous_usage_stats` is honoured. */
  readonly continuous?: boolean
  readonly custom?: Custom
  readonly port?: number
}

/** Every path that it can serve. */
export const everyEndpoint: readonly string[] = [...scripts.keys()]

export class ScriptedEngine {
  mode: EngineMode
  models: readonly EngineModel[]
  tokens: readonly string[]
  promptTokens: number
  cachedTokens: number
  seconds: number
  paceMs: number
  continuous: boolean
  custom: Custom | undefined
  /** Everything asked at POST, in order. */
  readonly requests: EngineRequest[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #waiting: (() => void)[] = []
  #permits = 0
  #stepping: (() => void)[] = []

  private constructor(options: ScriptedEngineOptions) {
    this.mode = options.mode ?? 'good'
    this.models = options.models ?? [{ id: 'scripted', context_length: 4096, weights_digest: null, endpoints: everyEndpoint }]
    this.tokens = options.tokens ?? ['Hello', ' from', ' the', ' scripted', ' engine', '.']
    this.promptTokens = options.promptTokens ?? 12
    this.cachedTokens = options.cachedTokens ?? 0
    this.seconds = options.seconds ?? 2
    this.paceMs = options.paceMs ?? 5
    this.continuous = options.continuous ?? true
    this.custom = options.custom
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

  /** Lets `count` more tokens be made, in mode `stepped`. */
  step(count = 1): void {
    this.#permits += count
    for (const resolve of this.#stepping.splice(0)) resolve()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close').catch(() => {})
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      this.#list(request, response)
      return
    }
    if (this.mode === 'refuse-connection') {
      request.socket.destroy()
      return
    }
    const record = await this.#record(request, response)
    for (const resolve of this.#waiting.splice(0)) resolve()
    try {
      if (!this.custom || (await this.custom(record, response)) === false) await this.#perform(record, response)
    } catch {
      // The caller left.
    }
  }

  #list(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/v1/models') {
      const data = this.models.map(model => ({ object: 'model', created: 0, owned_by: 'test', ...model }))
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'list', data }))
    } else response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}')
  }

  async #record(request: IncomingMessage, response: ServerResponse): Promise<EngineRequest> {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    await once(request, 'end')
    const bytes = Buffer.concat(parts)
    const contentType = request.headers['content-type'] ?? ''
    const record: EngineRequest = {
      path: request.url ?? '',
      contentType,
      body: await read(bytes, contentType),
      bytes,
      at: performance.now(),
      leftAt: undefined,
      written: 0,
      made: 0,
      closed: once(response, 'close').then(() => {}),
    }
    response.on('close', () => {
      if (!response.writableFinished) record.leftAt = performance.now()
    })
    this.requests.push(record)
    return record
  }

  async #perform(record: EngineRequest, response: ServerResponse): Promise<void> {
    const script = this.#script(record)
    const stage = new Stage({ record, response, mode: this.mode, beforeToken: () => this.#permit(), afterToken: () => this.#pace() })
    if (!script) stage.missing()
    else await stage.play(script)
  }

  #script({ path, body, contentType }: EngineRequest): Script | undefined {
    const got = { path, content_type: contentType.split(';', 1)[0], body }
    const { mode } = this
    const says = mode === 'echo' && hasText(path) ? echoing(got) : mode === 'capable' ? capably(body, this.tokens) : plainly(this.tokens)
    return scripts.get(path)?.({
      body,
      says,
      claim: completion => this.#claim(completion),
      continuous: this.continuous,
      seconds: this.#claimedSeconds(),
      surplus: mode === 'usage-too-high' ? 5 : 0,
      echo: mode === 'echo' && !hasText(path) ? got : undefined,
    })
  }

  #claim(completion: number): Counts | undefined {
    switch (this.mode) {
      case 'usage-too-high':
        return { prompt: 1_000_000, cached: 0, completion: 1_000_000 }
      case 'usage-too-low':
        return { prompt: 0, cached: 0, completion: 0 }
      case 'usage-negative':
        return { prompt: -5, cached: 0, completion: -7 }
      case 'usage-missing':
        return undefined
      default:
        return { prompt: this.promptTokens, cached: this.cachedTokens, completion }
    }
  }

  #claimedSeconds(): number | undefined {
    const spoilt: Partial<Record<EngineMode, number | undefined>> = {
      'usage-too-high': 1_000_000,
      'usage-too-low': 0,
      'usage-negative': -5,
      'usage-missing': undefined,
    }
    return this.mode in spoilt ? spoilt[this.mode] : this.seconds
  }

  async #permit(): Promise<void> {
    if (this.mode !== 'stepped') return
    while (this.#permits === 0) await new Promise<void>(resolve => this.#stepping.push(resolve))
    this.#permits -= 1
  }

  async #pace(): Promise<void> {
    if (this.mode === 'paced') await new Promise(resolve => setTimeout(resolve, this.paceMs))
  }
}

async function read(bytes: Buffer, contentType: string): Promise<Record<string, unknown>> {
  if (!contentType.startsWith('multipart/form-data')) return JSON.parse(bytes.toString('utf8')) as Body
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': contentType } }).formData()
  const fields: Record<string, unknown> = {}
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name).map(value => (typeof value === 'string' ? value : fileOf(value)))
    fields[name] = values.length === 1 ? values[0] : values
  }
  return fields
}

function fileOf({ name, type, size }: File): object {
  return { name, type, size }
}
