/** The agent's side of the loopback HTTP to an inference engine in OpenAI's form: its connections, and what is asked on them. */
import { Pool } from 'undici'
import type { Clock } from '../lib/clock.ts'
import type { EngineBody } from './endpoints/endpoint.ts'
import { asAgentError, type EngineCall, type EngineLimits, type EngineSink, Exchange } from './engine-exchange.ts'
import { parseJson } from './engine-json.ts'
import { AgentError } from './errors.ts'

export type { EngineCall, EngineLimits, EngineSink } from './engine-exchange.ts'

const maxJsonBytes = 1024 * 1024
const probeMs = 5_000

export class EngineClient {
  readonly #pool: Pool
  readonly #basePath: string
  readonly #clock: Clock
  readonly #limits: EngineLimits

  /** `url` is the engine's origin, with a base path or none; a `/v1` at its end, as OpenAI clients write it, is the same. */
  constructor(options: { url: string; clock: Clock; limits: EngineLimits }) {
    const url = new URL(options.url)
    this.#basePath = url.pathname.replace(/(?:\/v1)?\/?$/, '')
    this.#clock = options.clock
    this.#limits = options.limits
    this.#pool = new Pool(url.origin, {
      connections: null,
      pipelining: 1,
      connect: { timeout: options.limits.connectMs },
      // Below what engines keep (uvicorn 5 s, llama-server less); what still meets a closed socket is sent once more.
      keepAliveTimeout: 2_000,
      keepAliveMaxTimeout: 2_000,
      // Our own timers, on the injected clock, take the place of these.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** Posts a body to `path` and feeds a 200 answer to `sink`; any other status becomes `engine-refused`. */
  post(path: string, { contentType, bytes: body }: EngineBody, sink: EngineSink): EngineCall {
    const headers = { 'content-type': contentType, accept: '*/*' }
    const exchange = new Exchange(sink, this.#clock, this.#limits, handler => {
      this.#pool.dispatch({ path: this.#basePath + path, method: 'POST', headers, body }, handler)
    })
    exchange.start()
    return exchange
  }

  /** Reads a JSON document. Throws {@link AgentError}. */
  async getJson(path: string): Promise<unknown> {
    try {
      const { statusCode, body } = await this.#pool.request({
        path: this.#basePath + path,
        method: 'GET',
        headersTimeout: probeMs,
        bodyTimeout: probeMs,
      })
      const parts: Buffer[] = []
      let size = 0
      for await (const part of body as AsyncIterable<Buffer>) {
        size += part.length
        if (size > maxJsonBytes) throw new AgentError('engine-garbage', `${path} is larger than ${maxJsonBytes} bytes`)
        parts.push(part)
      }
      if (statusCode !== 200) throw new AgentError('engine-refused', `the engine answered ${statusCode} to ${path}`, { status: statusCode })
      return parseJson(Buffer.concat(parts))
    } catch (cause) {
      throw asAgentError(cause, false)
    }
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}
